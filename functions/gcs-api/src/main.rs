//! API Gateway -> list and read Cloud Storage objects, without a stored key.

fn main() {}
