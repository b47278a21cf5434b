//! Every command of a cloud's command line that the documents or the rendered scripts name, with its options,
//! as the tool's own reference lists them.

use std::collections::{BTreeMap, BTreeSet};

/// A reference, the options that every command in it takes, and the commands with theirs.
type Reference = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const REFERENCES: [Reference; 3] = [
    // "AWS CLI Command Reference", https://docs.aws.amazon.com/cli/latest/reference/
    (
        "aws",
        "--output --query",
        &[
            ("apigateway get-account", ""),
            ("apigateway update-account", "--patch-operations"),
            ("cloudformation describe-stacks", "--stack-name"),
            ("configure export-credentials", "--format"),
            ("ec2 associate-iam-instance-profile", "--iam-instance-profile --instance-id"),
            ("iam add-role-to-instance-profile", "--instance-profile-name --role-name"),
            ("iam attach-role-policy", "--policy-arn --role-name"),
            ("iam create-instance-profile", "--instance-profile-name --tags"),
            (
                "iam create-role",
                "--assume-role-policy-document --description --permissions-boundary --role-name --tags",
            ),
            ("iam delete-instance-profile", "--instance-profile-name"),
            ("iam delete-role", "--role-name"),
            ("iam delete-role-policy", "--policy-name --role-name"),
            ("iam disable-outbound-web-identity-federation", ""),
            ("iam enable-outbound-web-identity-federation", ""),
            ("iam get-instance-profile", "--instance-profile-name"),
            ("iam get-outbound-web-identity-federation-info", ""),
            ("iam get-role", "--role-name"),
            ("iam get-role-policy", "--policy-name --role-name"),
            ("iam put-role-permissions-boundary", "--permissions-boundary --role-name"),
            ("iam put-role-policy", "--policy-document --policy-name --role-name"),
            ("iam remove-role-from-instance-profile", "--instance-profile-name --role-name"),
            ("iam update-assume-role-policy", "--policy-document --role-name"),
            ("iam wait role-exists", "--role-name"),
            ("lambda invoke", "--cli-binary-format --function-name --payload"),
            ("s3 cp", ""),
            ("s3 rb", ""),
            ("stepfunctions start-execution", "--input --state-machine-arn"),
            ("sso login", ""),
            ("sts get-caller-identity", ""),
            ("sts get-web-identity-token", ""),
        ],
    ),
    // "Azure CLI reference", https://learn.microsoft.com/cli/azure/reference-index
    (
        "az",
        "--output --query",
        &[
            ("account show", ""),
            ("cloud set", "--name"),
            ("cloud show", ""),
            ("identity create", "--location --name --resource-group"),
            ("identity delete", "--name --resource-group"),
            (
                "identity federated-credential create",
                "--audiences --identity-name --issuer --name --resource-group --subject",
            ),
            ("identity federated-credential delete", "--identity-name --name --resource-group --yes"),
            ("identity show", "--name --resource-group"),
            ("keyvault show", "--name"),
            ("login", "--federated-token"),
            ("role assignment create", "--assignee-object-id --assignee-principal-type --role --scope"),
            ("role assignment delete", "--assignee --role --scope"),
            ("storage account show", "--name"),
            ("storage blob download", ""),
        ],
    ),
    // "gcloud CLI reference", https://cloud.google.com/sdk/gcloud/reference. A switch has its `--no-`.
    (
        "gcloud",
        "--format --project",
        &[
            ("auth login", "--cred-file"),
            ("iam service-accounts add-iam-policy-binding", "--condition --member --role"),
            ("iam service-accounts create", ""),
            ("iam service-accounts describe", ""),
            ("iam service-accounts remove-iam-policy-binding", "--condition --member --role"),
            ("iam workload-identity-pools create", "--location"),
            ("iam workload-identity-pools create-cred-config", ""),
            ("iam workload-identity-pools delete", "--location"),
            ("iam workload-identity-pools describe", "--location"),
            (
                "iam workload-identity-pools providers create-aws",
                "--account-id --attribute-condition --attribute-mapping --location --workload-identity-pool",
            ),
            (
                "iam workload-identity-pools providers create-oidc",
                "--allowed-audiences --attribute-condition --attribute-mapping --issuer-uri --location --workload-identity-pool",
            ),
            ("iam workload-identity-pools providers describe", "--location --workload-identity-pool"),
            (
                "iam workload-identity-pools providers update-aws",
                "--account-id --attribute-condition --attribute-mapping --disabled --no-disabled --location --workload-identity-pool",
            ),
            (
                "iam workload-identity-pools providers update-oidc",
                "--allowed-audiences --attribute-condition --attribute-mapping --disabled --no-disabled --issuer-uri --location --workload-identity-pool",
            ),
            ("projects describe", ""),
            ("secrets add-iam-policy-binding", "--condition --member --role"),
            ("secrets remove-iam-policy-binding", "--condition --member --role"),
            ("services enable", ""),
            ("storage buckets add-iam-policy-binding", "--condition --member --role"),
            ("storage buckets remove-iam-policy-binding", "--condition --member --role"),
            ("storage buckets update", "--uniform-bucket-level-access"),
            ("storage cp", ""),
        ],
    ),
];

/// What is named in a script and not in the references; and which commands were found.
pub fn strangers(script: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut strangers, mut found) = (Vec::new(), BTreeSet::new());
    for words in commands(script) {
        let (tool, rest) = words.split_first().expect("a tool");
        let (_, common, known) = REFERENCES.iter().find(|(name, ..)| name == tool).expect("a tool");
        let of: BTreeMap<&str, &str> = known.iter().copied().collect();
        let name = (1..=rest.len())
            .rev()
            .map(|length| rest[..length].join(" "))
            .find(|name| of.contains_key(name.as_str()));
        let Some(name) = name else {
            strangers.push(words.join(" "));
            continue;
        };
        let known: BTreeSet<&str> = of[name.as_str()].split(' ').chain(common.split(' ')).collect();
        let options = rest
            .iter()
            .filter(|word| word.starts_with('-'))
            .map(|word| word.split('=').next().unwrap_or(word));
        strangers.extend(
            options.filter(|option| !known.contains(option)).map(|option| format!("{tool} {name} {option}")),
        );
        found.insert(format!("{tool} {name}"));
    }
    (strangers, found)
}

/// The words of each call of such a tool, without what is quoted.
fn commands(script: &str) -> Vec<Vec<String>> {
    let lines = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let script = lines.collect::<Vec<_>>().join("\n").replace("'\\''", "").replace("\\\n", " ");
    // Every second part is between single quotes.
    let unquoted: Vec<&str> = script.split('\'').step_by(2).collect();
    let script = unquoted.join(" Q ").replace('"', " ");
    let pieces = script.split(['\n', '|', ';', '&', '(', ')', '{', '}']);
    let tool = |word: &&str| REFERENCES.iter().any(|(name, ..)| name == word);
    let before = |word: &&str| ["attempt", "if", "!", "["].contains(word) || word.contains('=');
    let calls = pieces.filter_map(|piece| {
        let words: Vec<&str> = piece.split_whitespace().skip_while(before).collect();
        (words.len() > 1 && tool(&words[0])).then(|| words.iter().map(|word| word.to_string()).collect())
    });
    calls.collect()
}
