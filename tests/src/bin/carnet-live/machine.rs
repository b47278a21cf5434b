//! The ways from this machine, by the `carnet` command as people run it.

mod command;

use crate::api::{Object, RANGE, Whole, choose};
use crate::args::Group;
use crate::failure::Failure;
use crate::report::{Check, Report, Stopped, check};
use crate::target::{Reading, Target};
use carnet_trust::config::Principal;
use command::Carnet;
use serde_json::Value;

/// Those of one cloud or one place are run for each.
pub const CHECKS: [Check; 6] = [TOKEN_AZURE, TOKEN_GOOGLE, NARROW, LS, CAT, SAME];

const TOKEN_AZURE: Check = check("token-azure", "carnet token --cloud azure --exchange");
const TOKEN_GOOGLE: Check = check("token-google", "carnet token --cloud google --exchange");
const NARROW: Check = check("narrow", "carnet token for an audience that is not granted: AWS refuses it");
const LS: Check = check("ls", "carnet ls: the first names");
const CAT: Check = check("cat", "carnet cat --range: the first 64 KiB of an object");
const SAME: Check = check("same", "carnet cat of what the API gave: the same bytes");

/// The most that is read of each place, in words.
pub const READS: &str = "mints and trades a token a cloud, and asks AWS for one that it must refuse; of each place \
     10 names, the first 64 KiB of an object, and what the API gave whole";

/// Whom nobody lets in: RFC 6761 keeps `.invalid` free for ever.
const NOT_GRANTED: &str = "https://not-granted.carnet.invalid";

pub async fn run(target: &Target, arn: &str, read: &[Whole], report: &mut Report) {
    let subject = "this machine";
    if target.config().instances.is_empty() {
        if target.asks_by_name(Group::Machine) {
            report.not_run(subject, &CHECKS, "carnet.toml states no instance");
        }
        return;
    }
    let Some((name, principal)) = target.instance(arn) else {
        let why = format!("{arn} has none of the roles of [instances]; run it on one, or say --as NAME");
        report.not_run(subject, &CHECKS, &why);
        return;
    };
    let carnet = match Carnet::find(target.config(), principal) {
        Ok(carnet) => carnet,
        Err(why) => return report.not_run(name, &CHECKS, &why),
    };
    let machine = Machine { carnet, target, name, principal };
    machine.tokens(report).await;
    for place in target.readings(name, principal) {
        machine.read(&place, report).await;
        if target.asks(Group::Api) {
            let whole = read.iter().find(|whole| whole.place == place.place);
            report.ask(&place.subject(), SAME, machine.same(&place, whole)).await;
        }
    }
}

struct Machine<'m> {
    carnet: Carnet,
    target: &'m Target,
    name: &'m str,
    principal: &'m Principal,
}

impl Machine<'_> {
    async fn tokens(&self, report: &mut Report) {
        let azure = self.principal.azure_identity.as_ref().map(|_| (TOKEN_AZURE, "azure"));
        let google = self.principal.google_provider.as_ref().map(|_| (TOKEN_GOOGLE, "google"));
        for (check, cloud) in azure.into_iter().chain(google) {
            let traded = report.ask(self.name, check, self.token(cloud)).await;
            if let Some(traded) = traded {
                report.found(traded);
            }
        }
        if !self.target.config().proof_audiences(self.principal).is_empty() {
            report.ask(self.name, NARROW, self.narrow()).await;
        }
    }

    /// Mint and trade: whom it was taken for.
    async fn token(&self, cloud: &str) -> Result<String, Failure> {
        let report = self.carnet.document(&["token", "--cloud", cloud, "--exchange"]).await?;
        let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).filter(|s| !s.is_empty());
        let who = text("/claims/subject").or(text("/aws_provider/arn")).unwrap_or("a signed request");
        let whom = text("/exchange/service_account").or(text("/exchange/client_id"));
        Ok(match whom {
            Some(whom) => format!("{who} as {whom}"),
            None => who.to_owned(),
        })
    }

    /// A token for an audience that the role is not granted must be refused by AWS.
    async fn narrow(&self) -> Result<(), Failure> {
        match self.carnet.document(&["token", "--audience", NOT_GRANTED]).await {
            Err(refusal) if refusal.code() == Some("AccessDenied") => Ok(()),
            Err(other) => Err(other),
            Ok(_) => Err(Failure::new(
                "mint",
                "malformed",
                "AWS minted a token for an audience that is granted to nobody",
            )
            .at(self.target.config().role_arn(self.name))
            .field("sts:IdentityTokenAudience", NOT_GRANTED)
            .change("give the role no more than the mint policy that `carnet trust render` writes")
            .help("sts-accessdenied")),
        }
    }

    async fn read(&self, place: &Reading<'_>, report: &mut Report) {
        let subject = place.subject();
        match report.ask(&subject, LS, self.list(place)).await {
            None => report.not_run(&subject, &[CAT], "no object was listed"),
            Some(None) => {
                let why = "the page holds no object with bytes in it; --object names one";
                report.not_run(&subject, &[CAT], why);
            }
            Some(Some(object)) => {
                report.ask(&subject, CAT, self.range(place, &object)).await;
            }
        }
    }

    /// The smallest object with bytes in it among the first names, or the one that was named.
    async fn list(&self, place: &Reading<'_>) -> Result<Option<Object>, Failure> {
        const NAMES: usize = 10;
        let (location, names) = match place.wanted {
            Some(key) => (place.location(key), 1),
            None => (place.location(""), NAMES),
        };
        let page_size = names.to_string();
        let arguments = ["ls", "--recursive", "--page-size", &page_size, &location];
        let lines = self.carnet.first_lines(&arguments, names).await?;
        let objects = lines.into_iter().filter_map(|line| serde_json::from_value(line).ok()).collect();
        let wanted = place.wanted.map(|key| place.key_in_store(key));
        choose(objects, wanted.as_deref()).map_err(|failure| failure.at(place.url.to_string()))
    }

    async fn range(&self, place: &Reading<'_>, object: &Object) -> Result<(), Failure> {
        let length = object.size.min(RANGE);
        let range = format!("0-{}", length.saturating_sub(1));
        let location = place.location_in_store(&object.key);
        let read = self.carnet.bytes(&["cat", "--range", &range, &location]).await?;
        if read.length == length {
            Ok(())
        } else {
            let message = format!("{} bytes where {length} are right", read.length);
            Err(Failure::new("read", "malformed", message).at(location))
        }
    }

    /// What the API gave, read from here: the same bytes.
    async fn same(&self, place: &Reading<'_>, whole: Option<&Whole>) -> Result<(), Stopped> {
        let Some(Whole { object, digests, .. }) = whole else {
            return Err(Stopped::NotRun("nothing was read whole through the API".to_owned()));
        };
        let location = place.location(&object.key);
        let read = self.carnet.bytes(&["cat", &location]).await?;
        if read.etag.as_deref() != Some(object.etag.as_str()) {
            let why = "the object was changed between the two readings; --object names another";
            return Err(Stopped::NotRun(why.to_owned()));
        }
        if read.digests == *digests {
            return Ok(());
        }
        let hex = |digests: &carnet_objects::Digests| digests.md5_hex().unwrap_or_default();
        let message =
            format!("the function gave other bytes than this machine read: MD5 {}", hex(&read.digests));
        Err(Failure::new("read", "malformed", message).at(location).field("MD5", hex(digests)).into())
    }
}
