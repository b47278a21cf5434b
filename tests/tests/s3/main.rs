//! S3: the sink and the source against the stand-in, and the stand-in against the promises that
//! copying rests on.

mod access;
mod faults;
mod suites;
