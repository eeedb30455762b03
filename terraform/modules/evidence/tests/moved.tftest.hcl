# Buckets that were made before the module `bucket` was: their resources have other addresses now, and stay the same ones.

mock_provider "aws" {}

variables {
  account_id  = "111122223333"
  partition   = "aws"
  bucket      = "keyrota-evidence-111122223333"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
}

run "before" {
  state_key = "kept"
  module {
    source = "./tests/before"
  }
}

run "only_moves" {
  state_key = "kept"
  assert {
    condition     = { bucket = module.bucket.ids, log = module.log.ids } == run.before.ids
    error_message = "what is replaced would have other ids, and nobody's evidence is"
  }
}
