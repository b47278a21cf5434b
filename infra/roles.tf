# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# AWS: who may come in, each with a role of its own that trusts one issuer's tokens.
#
# Rights: iam:*OpenIDConnectProvider*, and on the roles iam:*Role*, iam:*RolePolicy*. A provider exists
# once an account: one that is there already is adopted with `terraform import`.

# Whose tokens may take roles, and for which audiences. Nothing follows from it alone: each role says
# which of its tokens it takes.
resource "aws_iam_openid_connect_provider" "account_123456789012_oidc_eks_eu-central-1_amazonaws_com_id_0123456789ABCDEF0123456789ABCDEF" {
  url            = "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
  client_id_list = ["sts.amazonaws.com"]
}

# Whose tokens may take roles, and for which audiences. Nothing follows from it alone: each role says
# which of its tokens it takes.
resource "aws_iam_openid_connect_provider" "account_123456789012_sts_windows_net_11111111-2222-4333-8444-555555555555_" {
  url            = "https://sts.windows.net/11111111-2222-4333-8444-555555555555/"
  client_id_list = ["api://cccccccc-1111-4222-8333-555555555555"]
}

# Whose tokens may take roles, and for which audiences. Nothing follows from it alone: each role says
# which of its tokens it takes.
resource "aws_iam_openid_connect_provider" "account_123456789012_token_actions_githubusercontent_com" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

# roles.azure-reports, stage dev, eu-central-1
data "aws_iam_policy_document" "carnet-dev-eu-central-1-azure-reports-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_sts_windows_net_11111111-2222-4333-8444-555555555555_.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:aud"
      values   = ["api://cccccccc-1111-4222-8333-555555555555"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:sub"
      values   = ["bbbbbbbb-1111-4222-8333-444444444444"]
    }
  }
}

resource "aws_iam_role" "carnet-dev-eu-central-1-azure-reports" {
  name                 = "carnet-dev-eu-central-1-azure-reports"
  description          = "azure-reports comes in with it, from azure"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-dev-eu-central-1-azure-reports-trust.json
  tags = {
    "carnet:principal" = "azure-reports"
    "carnet:stage"     = "dev"
  }
}

data "aws_iam_policy_document" "carnet-dev-eu-central-1-azure-reports" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-dev-eu-central-1-azure-reports" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-dev-eu-central-1-azure-reports.name
  policy = data.aws_iam_policy_document.carnet-dev-eu-central-1-azure-reports.json
}

# roles.cluster-reader, stage dev, eu-central-1
data "aws_iam_policy_document" "carnet-dev-eu-central-1-cluster-reader-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_oidc_eks_eu-central-1_amazonaws_com_id_0123456789ABCDEF0123456789ABCDEF.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub"
      values   = ["system:serviceaccount:default:carnet"]
    }
  }
}

resource "aws_iam_role" "carnet-dev-eu-central-1-cluster-reader" {
  name                 = "carnet-dev-eu-central-1-cluster-reader"
  description          = "cluster-reader comes in with it, from oidc"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-dev-eu-central-1-cluster-reader-trust.json
  tags = {
    "carnet:principal" = "cluster-reader"
    "carnet:stage"     = "dev"
  }
}

data "aws_iam_policy_document" "carnet-dev-eu-central-1-cluster-reader" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-dev-eu-central-1-cluster-reader" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-dev-eu-central-1-cluster-reader.name
  policy = data.aws_iam_policy_document.carnet-dev-eu-central-1-cluster-reader.json
}

# roles.github-release, stage dev, eu-central-1
data "aws_iam_policy_document" "carnet-dev-eu-central-1-github-release-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_token_actions_githubusercontent_com.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:carnet-demo/assets:ref:refs/heads/main"]
    }
  }
}

resource "aws_iam_role" "carnet-dev-eu-central-1-github-release" {
  name                 = "carnet-dev-eu-central-1-github-release"
  description          = "github-release comes in with it, from github"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-dev-eu-central-1-github-release-trust.json
  tags = {
    "carnet:principal" = "github-release"
    "carnet:stage"     = "dev"
  }
}

data "aws_iam_policy_document" "carnet-dev-eu-central-1-github-release" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-dev-eu-central-1-github-release" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-dev-eu-central-1-github-release.name
  policy = data.aws_iam_policy_document.carnet-dev-eu-central-1-github-release.json
}

# roles.google-etl, stage dev, eu-central-1
data "aws_iam_policy_document" "carnet-dev-eu-central-1-google-etl-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = ["112233445566778899001"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = ["112233445566778899001"]
    }
  }
}

resource "aws_iam_role" "carnet-dev-eu-central-1-google-etl" {
  name                 = "carnet-dev-eu-central-1-google-etl"
  description          = "google-etl comes in with it, from google"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-dev-eu-central-1-google-etl-trust.json
  tags = {
    "carnet:principal" = "google-etl"
    "carnet:stage"     = "dev"
  }
}

data "aws_iam_policy_document" "carnet-dev-eu-central-1-google-etl" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-dev-eu-central-1-google-etl" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-dev-eu-central-1-google-etl.name
  policy = data.aws_iam_policy_document.carnet-dev-eu-central-1-google-etl.json
}

# roles.azure-reports, stage prod, eu-central-1
data "aws_iam_policy_document" "carnet-prod-eu-central-1-azure-reports-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_sts_windows_net_11111111-2222-4333-8444-555555555555_.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:aud"
      values   = ["api://cccccccc-1111-4222-8333-555555555555"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:sub"
      values   = ["bbbbbbbb-1111-4222-8333-444444444444"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-central-1-azure-reports" {
  name                 = "carnet-prod-eu-central-1-azure-reports"
  description          = "azure-reports comes in with it, from azure"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-central-1-azure-reports-trust.json
  tags = {
    "carnet:principal" = "azure-reports"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-central-1-azure-reports" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-central-1-azure-reports" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-central-1-azure-reports.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-central-1-azure-reports.json
}

# roles.cluster-reader, stage prod, eu-central-1
data "aws_iam_policy_document" "carnet-prod-eu-central-1-cluster-reader-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_oidc_eks_eu-central-1_amazonaws_com_id_0123456789ABCDEF0123456789ABCDEF.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub"
      values   = ["system:serviceaccount:default:carnet"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-central-1-cluster-reader" {
  name                 = "carnet-prod-eu-central-1-cluster-reader"
  description          = "cluster-reader comes in with it, from oidc"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-central-1-cluster-reader-trust.json
  tags = {
    "carnet:principal" = "cluster-reader"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-central-1-cluster-reader" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-central-1-cluster-reader" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-central-1-cluster-reader.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-central-1-cluster-reader.json
}

# roles.github-release, stage prod, eu-central-1
data "aws_iam_policy_document" "carnet-prod-eu-central-1-github-release-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_token_actions_githubusercontent_com.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:carnet-demo/assets:ref:refs/heads/main"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-central-1-github-release" {
  name                 = "carnet-prod-eu-central-1-github-release"
  description          = "github-release comes in with it, from github"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-central-1-github-release-trust.json
  tags = {
    "carnet:principal" = "github-release"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-central-1-github-release" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-central-1-github-release" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-central-1-github-release.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-central-1-github-release.json
}

# roles.google-etl, stage prod, eu-central-1
data "aws_iam_policy_document" "carnet-prod-eu-central-1-google-etl-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = ["112233445566778899001"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = ["112233445566778899001"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-central-1-google-etl" {
  name                 = "carnet-prod-eu-central-1-google-etl"
  description          = "google-etl comes in with it, from google"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-central-1-google-etl-trust.json
  tags = {
    "carnet:principal" = "google-etl"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-central-1-google-etl" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-central-1-google-etl" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-central-1-google-etl.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-central-1-google-etl.json
}

# roles.azure-reports, stage prod, eu-west-1
data "aws_iam_policy_document" "carnet-prod-eu-west-1-azure-reports-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_sts_windows_net_11111111-2222-4333-8444-555555555555_.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:aud"
      values   = ["api://cccccccc-1111-4222-8333-555555555555"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:sub"
      values   = ["bbbbbbbb-1111-4222-8333-444444444444"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-west-1-azure-reports" {
  name                 = "carnet-prod-eu-west-1-azure-reports"
  description          = "azure-reports comes in with it, from azure"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-west-1-azure-reports-trust.json
  tags = {
    "carnet:principal" = "azure-reports"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-west-1-azure-reports" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-west-1-azure-reports" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-west-1-azure-reports.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-west-1-azure-reports.json
}

# roles.cluster-reader, stage prod, eu-west-1
data "aws_iam_policy_document" "carnet-prod-eu-west-1-cluster-reader-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_oidc_eks_eu-central-1_amazonaws_com_id_0123456789ABCDEF0123456789ABCDEF.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub"
      values   = ["system:serviceaccount:default:carnet"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-west-1-cluster-reader" {
  name                 = "carnet-prod-eu-west-1-cluster-reader"
  description          = "cluster-reader comes in with it, from oidc"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-west-1-cluster-reader-trust.json
  tags = {
    "carnet:principal" = "cluster-reader"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-west-1-cluster-reader" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-west-1-cluster-reader" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-west-1-cluster-reader.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-west-1-cluster-reader.json
}

# roles.github-release, stage prod, eu-west-1
data "aws_iam_policy_document" "carnet-prod-eu-west-1-github-release-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_token_actions_githubusercontent_com.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:carnet-demo/assets:ref:refs/heads/main"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-west-1-github-release" {
  name                 = "carnet-prod-eu-west-1-github-release"
  description          = "github-release comes in with it, from github"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-west-1-github-release-trust.json
  tags = {
    "carnet:principal" = "github-release"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-west-1-github-release" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-west-1-github-release" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-west-1-github-release.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-west-1-github-release.json
}

# roles.google-etl, stage prod, eu-west-1
data "aws_iam_policy_document" "carnet-prod-eu-west-1-google-etl-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = ["112233445566778899001"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = ["112233445566778899001"]
    }
  }
}

resource "aws_iam_role" "carnet-prod-eu-west-1-google-etl" {
  name                 = "carnet-prod-eu-west-1-google-etl"
  description          = "google-etl comes in with it, from google"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-prod-eu-west-1-google-etl-trust.json
  tags = {
    "carnet:principal" = "google-etl"
    "carnet:stage"     = "prod"
  }
}

data "aws_iam_policy_document" "carnet-prod-eu-west-1-google-etl" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-prod-eu-west-1-google-etl" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-prod-eu-west-1-google-etl.name
  policy = data.aws_iam_policy_document.carnet-prod-eu-west-1-google-etl.json
}

# roles.azure-reports, stage staging, eu-central-1
data "aws_iam_policy_document" "carnet-staging-eu-central-1-azure-reports-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_sts_windows_net_11111111-2222-4333-8444-555555555555_.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:aud"
      values   = ["api://cccccccc-1111-4222-8333-555555555555"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts.windows.net/11111111-2222-4333-8444-555555555555/:sub"
      values   = ["bbbbbbbb-1111-4222-8333-444444444444"]
    }
  }
}

resource "aws_iam_role" "carnet-staging-eu-central-1-azure-reports" {
  name                 = "carnet-staging-eu-central-1-azure-reports"
  description          = "azure-reports comes in with it, from azure"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-staging-eu-central-1-azure-reports-trust.json
  tags = {
    "carnet:principal" = "azure-reports"
    "carnet:stage"     = "staging"
  }
}

data "aws_iam_policy_document" "carnet-staging-eu-central-1-azure-reports" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-staging-eu-central-1-azure-reports" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-staging-eu-central-1-azure-reports.name
  policy = data.aws_iam_policy_document.carnet-staging-eu-central-1-azure-reports.json
}

# roles.cluster-reader, stage staging, eu-central-1
data "aws_iam_policy_document" "carnet-staging-eu-central-1-cluster-reader-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_oidc_eks_eu-central-1_amazonaws_com_id_0123456789ABCDEF0123456789ABCDEF.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub"
      values   = ["system:serviceaccount:default:carnet"]
    }
  }
}

resource "aws_iam_role" "carnet-staging-eu-central-1-cluster-reader" {
  name                 = "carnet-staging-eu-central-1-cluster-reader"
  description          = "cluster-reader comes in with it, from oidc"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-staging-eu-central-1-cluster-reader-trust.json
  tags = {
    "carnet:principal" = "cluster-reader"
    "carnet:stage"     = "staging"
  }
}

data "aws_iam_policy_document" "carnet-staging-eu-central-1-cluster-reader" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-staging-eu-central-1-cluster-reader" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-staging-eu-central-1-cluster-reader.name
  policy = data.aws_iam_policy_document.carnet-staging-eu-central-1-cluster-reader.json
}

# roles.github-release, stage staging, eu-central-1
data "aws_iam_policy_document" "carnet-staging-eu-central-1-github-release-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.account_123456789012_token_actions_githubusercontent_com.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:carnet-demo/assets:ref:refs/heads/main"]
    }
  }
}

resource "aws_iam_role" "carnet-staging-eu-central-1-github-release" {
  name                 = "carnet-staging-eu-central-1-github-release"
  description          = "github-release comes in with it, from github"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-staging-eu-central-1-github-release-trust.json
  tags = {
    "carnet:principal" = "github-release"
    "carnet:stage"     = "staging"
  }
}

data "aws_iam_policy_document" "carnet-staging-eu-central-1-github-release" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-staging-eu-central-1-github-release" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-staging-eu-central-1-github-release.name
  policy = data.aws_iam_policy_document.carnet-staging-eu-central-1-github-release.json
}

# roles.google-etl, stage staging, eu-central-1
data "aws_iam_policy_document" "carnet-staging-eu-central-1-google-etl-trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = ["112233445566778899001"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = ["112233445566778899001"]
    }
  }
}

resource "aws_iam_role" "carnet-staging-eu-central-1-google-etl" {
  name                 = "carnet-staging-eu-central-1-google-etl"
  description          = "google-etl comes in with it, from google"
  max_session_duration = 3600
  permissions_boundary = var.aws_permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.carnet-staging-eu-central-1-google-etl-trust.json
  tags = {
    "carnet:principal" = "google-etl"
    "carnet:stage"     = "staging"
  }
}

data "aws_iam_policy_document" "carnet-staging-eu-central-1-google-etl" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::carnet-demo-copies"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["archive/*"]
    }
  }

  statement {
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::carnet-demo-copies/archive/*"]
  }
}

resource "aws_iam_role_policy" "carnet-staging-eu-central-1-google-etl" {
  name   = "read-objects"
  role   = aws_iam_role.carnet-staging-eu-central-1-google-etl.name
  policy = data.aws_iam_policy_document.carnet-staging-eu-central-1-google-etl.json
}
