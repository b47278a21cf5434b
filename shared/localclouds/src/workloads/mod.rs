//! What a workload finds where it runs, and proves with who it is.

pub mod cognito;
