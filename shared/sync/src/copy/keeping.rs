//! How S3 is to keep what is written, as people state it.

/// Which classes there are is S3's to say.
pub fn storage_class(text: &str) -> Result<String, String> {
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    match !text.is_empty() && text.bytes().all(letter) {
        true => Ok(text.to_owned()),
        false => Err("a storage class is written like STANDARD_IA".to_owned()),
    }
}

pub fn kms_key(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'-' | b'_');
    match !text.is_empty() && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("a KMS key is its ARN, its id, or alias/NAME".to_owned()),
    }
}
