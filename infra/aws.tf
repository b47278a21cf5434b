# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# AWS: who mints, and what for.
#
# Rights: iam:*OutboundWebIdentityFederation*, and for the roles of instances iam:*Role*,
# iam:*RolePolicy*, iam:*InstanceProfile* on them. A service control policy can forbid both
# iam:EnableOutboundWebIdentityFederation and sts:GetWebIdentityToken.
#
# The functions' roles are template.yaml's; the other clouds name them:
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-blob-api
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-gcs-api
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-ingest-object
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-commit
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-copy
#   arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-plan
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-blob-api
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-gcs-api
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-ingest-object
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-commit
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-copy
#   arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-plan
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-blob-api
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-gcs-api
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-ingest-object
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-commit
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-copy
#   arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-plan
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-blob-api
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-gcs-api
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-ingest-object
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-commit
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-copy
#   arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-plan

# On already is fine: it is adopted. It is never switched off here, for others may rely on it; to
# give it up without that, `terraform state rm` it.
resource "aws_iam_outbound_web_identity_federation" "account_123456789012" {
  lifecycle {
    prevent_destroy = true
  }
}

# Who may take the roles of instances. A person's role is taken by others: name them here.
data "aws_iam_policy_document" "ec2_amazonaws_com" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# instances.operator, stage dev, eu-central-1
resource "aws_iam_role" "carnet-dev-eu-central-1-operator" {
  name                 = "carnet-dev-eu-central-1-operator"
  description          = "operator presents itself to other clouds with it"
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.ec2_amazonaws_com.json
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "dev"
  }
}

# ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
# one good audience carry a bad one along.
data "aws_iam_policy_document" "carnet-dev-eu-central-1-operator" {
  statement {
    sid       = "MintProofs"
    effect    = "Allow"
    actions   = ["sts:GetWebIdentityToken"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "sts:SigningAlgorithm"
      values   = ["RS256"]
    }

    condition {
      test     = "NumericLessThanEquals"
      variable = "sts:DurationSeconds"
      values   = ["300"]
    }

    condition {
      test     = "Null"
      variable = "sts:IdentityTokenAudience"
      values   = ["false"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "sts:IdentityTokenAudience"
      values   = ["api://AzureADTokenExchange", "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]
    }
  }
}

resource "aws_iam_role_policy" "carnet-dev-eu-central-1-operator" {
  name   = "mint-proofs"
  role   = aws_iam_role.carnet-dev-eu-central-1-operator.name
  policy = data.aws_iam_policy_document.carnet-dev-eu-central-1-operator.json
}

resource "aws_iam_instance_profile" "carnet-dev-eu-central-1-operator" {
  name = "carnet-dev-eu-central-1-operator"
  role = aws_iam_role.carnet-dev-eu-central-1-operator.name
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "dev"
  }
}

# instances.operator, stage prod, eu-central-1
resource "aws_iam_role" "carnet-prod-eu-central-1-operator" {
  name                 = "carnet-prod-eu-central-1-operator"
  description          = "operator presents itself to other clouds with it"
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.ec2_amazonaws_com.json
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "prod"
  }
}

# ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
# one good audience carry a bad one along.
data "aws_iam_policy_document" "carnet-prod-eu-central-1-operator" {
  statement {
    sid       = "MintProofs"
    effect    = "Allow"
    actions   = ["sts:GetWebIdentityToken"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "sts:SigningAlgorithm"
      values   = ["RS256"]
    }

    condition {
      test     = "NumericLessThanEquals"
      variable = "sts:DurationSeconds"
      values   = ["300"]
    }

    condition {
      test     = "Null"
      variable = "sts:IdentityTokenAudience"
      values   = ["false"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "sts:IdentityTokenAudience"
      values   = ["api://AzureADTokenExchange", "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]
    }
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-central-1-operator" {
  name   = "mint-proofs"
  role   = aws_iam_role.carnet-prod-eu-central-1-operator.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-central-1-operator.json
}

resource "aws_iam_instance_profile" "carnet-prod-eu-central-1-operator" {
  name = "carnet-prod-eu-central-1-operator"
  role = aws_iam_role.carnet-prod-eu-central-1-operator.name
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "prod"
  }
}

# instances.operator, stage prod, eu-west-1
resource "aws_iam_role" "carnet-prod-eu-west-1-operator" {
  name                 = "carnet-prod-eu-west-1-operator"
  description          = "operator presents itself to other clouds with it"
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.ec2_amazonaws_com.json
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "prod"
  }
}

# ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
# one good audience carry a bad one along.
data "aws_iam_policy_document" "carnet-prod-eu-west-1-operator" {
  statement {
    sid       = "MintProofs"
    effect    = "Allow"
    actions   = ["sts:GetWebIdentityToken"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "sts:SigningAlgorithm"
      values   = ["RS256"]
    }

    condition {
      test     = "NumericLessThanEquals"
      variable = "sts:DurationSeconds"
      values   = ["300"]
    }

    condition {
      test     = "Null"
      variable = "sts:IdentityTokenAudience"
      values   = ["false"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "sts:IdentityTokenAudience"
      values   = ["api://AzureADTokenExchange", "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]
    }
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-west-1-operator" {
  name   = "mint-proofs"
  role   = aws_iam_role.carnet-prod-eu-west-1-operator.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-west-1-operator.json
}

resource "aws_iam_instance_profile" "carnet-prod-eu-west-1-operator" {
  name = "carnet-prod-eu-west-1-operator"
  role = aws_iam_role.carnet-prod-eu-west-1-operator.name
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "prod"
  }
}

# instances.operator, stage staging, eu-central-1
resource "aws_iam_role" "carnet-staging-eu-central-1-operator" {
  name                 = "carnet-staging-eu-central-1-operator"
  description          = "operator presents itself to other clouds with it"
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.ec2_amazonaws_com.json
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "staging"
  }
}

# ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
# one good audience carry a bad one along.
data "aws_iam_policy_document" "carnet-staging-eu-central-1-operator" {
  statement {
    sid       = "MintProofs"
    effect    = "Allow"
    actions   = ["sts:GetWebIdentityToken"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "sts:SigningAlgorithm"
      values   = ["RS256"]
    }

    condition {
      test     = "NumericLessThanEquals"
      variable = "sts:DurationSeconds"
      values   = ["300"]
    }

    condition {
      test     = "Null"
      variable = "sts:IdentityTokenAudience"
      values   = ["false"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "sts:IdentityTokenAudience"
      values   = ["api://AzureADTokenExchange", "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]
    }
  }
}

resource "aws_iam_role_policy" "carnet-staging-eu-central-1-operator" {
  name   = "mint-proofs"
  role   = aws_iam_role.carnet-staging-eu-central-1-operator.name
  policy = data.aws_iam_policy_document.carnet-staging-eu-central-1-operator.json
}

resource "aws_iam_instance_profile" "carnet-staging-eu-central-1-operator" {
  name = "carnet-staging-eu-central-1-operator"
  role = aws_iam_role.carnet-staging-eu-central-1-operator.name
  tags = {
    "carnet:principal" = "operator"
    "carnet:stage"     = "staging"
  }
}

output "aws_issuers" {
  description = "By account: the `issuer` of carnet.toml"
  value = {
    "123456789012" = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  }
}
