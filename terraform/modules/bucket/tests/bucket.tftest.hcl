mock_provider "aws" {}

variables {
  bucket      = "keyrota-parts-111122223333"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  rules       = [{ id = "gone", gone_after_days = 30 }]
}

run "is_closed_encrypted_and_versioned" {
  assert {
    condition = (
      aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled" &&
      aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_public_access_block.this.block_public_policy &&
      one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced" &&
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    )
    error_message = "nobody else reads it, with the key of the stack"
  }
  assert {
    condition     = [for one in jsondecode(output.policy).Statement : [one.Sid, one.Effect]] == [["NeverUnencrypted", "Deny"]]
    error_message = "its policy allows nobody anything"
  }
  assert {
    condition     = one(output.rules).expiration[0].days == 30 && one(output.rules).noncurrent_version_expiration[0].noncurrent_days == 1
    error_message = "what goes, goes with the versions before it"
  }
}

run "has_the_key_of_s3_where_none_is_named" {
  variables {
    kms_key_arn = null
    statements  = "[{\"Sid\":\"Logs\",\"Effect\":\"Allow\"}]"
    rules       = [{ id = "cold", cold_after_days = 90 }, { id = "gone", gone_after_days = 400, abort_uploads = false }]
  }
  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    )
    error_message = "as access logs need it"
  }
  assert {
    condition     = [for one in jsondecode(output.policy).Statement : one.Sid] == ["Logs", "NeverUnencrypted"]
    error_message = "and what else its policy says comes first"
  }
  assert {
    condition = (
      one(output.rules[0].transition).days == 90 && length(output.rules[0].expiration) == 0 &&
      length(output.rules[0].abort_incomplete_multipart_upload) == 1 && length(output.rules[1].abort_incomplete_multipart_upload) == 0
    )
    error_message = "cold first, and gone in the end"
  }
}
