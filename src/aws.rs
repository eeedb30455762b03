//! The real account, behind the AWS SDK. The only module that names `aws_*`.
