//! Which secret is copied to which.

use crate::url::SecretUrl;
use carnet_federation::config::{Env, Faults};
use std::collections::BTreeSet;
use std::fmt;

const NAME: &str = "CARNET_SECRETS";
/// "Lambda quotas": all variables of a function together have 4 KB.
const MOST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Of Key Vault or Secret Manager, and of no version: what is current is copied.
    pub from: SecretUrl,
    /// The name in Secrets Manager.
    pub to: String,
}

impl Pair {
    /// `keyvault://vault/secret=secretsmanager://name`
    pub fn parse(text: &str) -> Result<Self, String> {
        // No name of a source has an equals sign; one of Secrets Manager may.
        let (from, to) = text.split_once('=').ok_or("is not SOURCE=secretsmanager://NAME")?;
        let url = |text: &str| text.parse::<SecretUrl>().map_err(|why| format!("`{text}` {why}"));
        let (from, to) = (url(from)?, url(to)?);
        let SecretUrl::SecretsManager(to) = to else {
            return Err(format!("`{to}` is no destination: secrets are copied to secretsmanager://NAME"));
        };
        match &from {
            SecretUrl::SecretsManager(_) => Err(format!(
                "`{from}` is no source: secrets are copied from keyvault://VAULT/SECRET or secretmanager://PROJECT/SECRET"
            )),
            _ if from.version().is_some() => {
                Err(format!("`{from}` names a version: what is current is copied"))
            }
            _ => Ok(Self { from, to }),
        }
    }

    /// `CARNET_SECRETS`: pairs, separated by commas, blanks or lines.
    pub fn read_all(env: &Env, faults: &mut Faults) -> Option<Vec<Self>> {
        let Some(text) = env.get(NAME) else {
            faults.add(NAME, "is not set; it is a list of SOURCE=secretsmanager://NAME, separated by commas");
            return None;
        };
        let (mut pairs, mut taken, mut sound) = (Vec::new(), BTreeSet::new(), true);
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        for item in items {
            match Pair::parse(item) {
                Ok(pair) if !taken.insert(pair.to.clone()) => {
                    faults.add(NAME, &format!("two secrets are copied to secretsmanager://{}", pair.to));
                    sound = false;
                }
                Ok(pair) => pairs.push(pair),
                Err(why) => {
                    faults.add(NAME, &why);
                    sound = false;
                }
            }
        }
        if pairs.is_empty() && sound {
            faults.add(NAME, "has no pair in it");
            return None;
        }
        if pairs.len() > MOST {
            faults.add(NAME, "has more than 64 pairs: deploy a second stack for the rest");
            return None;
        }
        sound.then_some(pairs)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=secretsmanager://{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::config::gather;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let env: Env = [(NAME, text)].into_iter().collect();
        let pairs = gather(|faults| Pair::read_all(&env, faults)).map_err(|error| error.to_string())?;
        Ok(pairs.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn pairs_are_separated_by_commas_blanks_or_lines() {
        let one = "keyvault://carnet-demo/a=secretsmanager://carnet/a=b";
        let two = "secretmanager://carnet-demo/b=secretsmanager://b";
        for text in [format!("{one},{two}"), format!("{one}, \n{two},"), format!("  {one}\r\n{two}\n")] {
            assert_eq!(read(&text).unwrap(), [one, two], "{text:?}");
        }
    }

    #[test]
    fn every_fault_of_the_list_is_told() {
        let said = read(
            "keyvault://carnet-demo/a,\
             keyvault://ab/a=secretsmanager://a,\
             secretsmanager://a=secretsmanager://b,\
             keyvault://carnet-demo/a=keyvault://carnet-demo/b,\
             secretmanager://carnet-demo/a/3=secretsmanager://c,\
             keyvault://carnet-demo/a=secretsmanager://d,keyvault://carnet-demo/b=secretsmanager://d",
        )
        .unwrap_err();
        for part in [
            "is not SOURCE=",
            "names no vault",
            "is no source",
            "is no destination",
            "names a version",
            "two secrets",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(read(" , ").unwrap_err().contains("no pair"));
    }
}
