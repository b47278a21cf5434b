//! The process's environment variables, as "Using Lambda environment variables" lists them for an
//! OS-only runtime, and the session of its role.

use super::spec::FunctionSpec;
use crate::local::Handle;
use crate::world::{AccessKey, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Lambda does not say how long a session lives; twelve hours is the longest a role's may.
const SESSION: Duration = Duration::from_secs(12 * 3600);

pub(crate) struct Variables {
    pub all: BTreeMap<String, String>,
    /// A session that ends with the environment.
    pub own_session: Option<String>,
}

pub(crate) fn check_role(handle: &Handle, spec: &FunctionSpec) -> io::Result<()> {
    let world = handle.world();
    if !world.aws.roles.contains_key(&spec.role) {
        return Err(missing(format!(
            "the world has no role {:?} for the function {:?}",
            spec.role, spec.name
        )));
    }
    match &spec.access_key_id {
        Some(id) if !world.aws.access_keys.contains_key(id) => {
            Err(missing(format!("the world has no access key {id:?} for the function {:?}", spec.name)))
        }
        _ => Ok(()),
    }
}

fn missing(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, what)
}

pub(crate) fn function_arn(world: &World, spec: &FunctionSpec) -> String {
    format!("arn:aws:lambda:{}:{}:function:{}", world.aws.region, world.aws.account, spec.name)
}

pub(crate) fn of_environment(
    handle: &Handle,
    spec: &FunctionSpec,
    runtime_api: &str,
) -> io::Result<Variables> {
    let mut world = handle.world_mut();
    let (id, own_session) = match &spec.access_key_id {
        Some(id) => (id.clone(), None),
        None => {
            let id = sign_in(&mut world, spec)?;
            (id.clone(), Some(id))
        }
    };
    let session = world.aws.access_keys.get(&id).ok_or_else(|| missing(format!("no access key {id:?}")))?;
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        all.insert(name.to_owned(), value.to_owned());
    };
    set("AWS_ACCESS_KEY_ID", &id);
    set("AWS_SECRET_ACCESS_KEY", &session.secret);
    if let Some(token) = &session.session_token {
        set("AWS_SESSION_TOKEN", token);
    }
    set("AWS_REGION", &world.aws.region);
    set("AWS_DEFAULT_REGION", &world.aws.region);
    set("AWS_LAMBDA_RUNTIME_API", runtime_api);
    set("AWS_LAMBDA_FUNCTION_NAME", &spec.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory_mb.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    set("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", spec.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream());
    set("_HANDLER", "bootstrap");
    let folder = spec.binary.parent().unwrap_or(Path::new("/var/task"));
    set("LAMBDA_TASK_ROOT", &folder.to_string_lossy());
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    set("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin");
    all.extend(spec.env.clone());
    Ok(Variables { all, own_session })
}

/// Ends a session that was made for one environment.
pub(crate) fn sign_out(handle: &Handle, access_key_id: &str) {
    handle.world_mut().aws.access_keys.remove(access_key_id);
}

fn sign_in(world: &mut World, spec: &FunctionSpec) -> io::Result<String> {
    let id = format!("ASIA{}", &random(16)?.replace(['+', '/', '='], "7").to_uppercase()[..16]);
    let session = AccessKey {
        secret: random(30)?,
        session_token: Some(random(96)?),
        role: spec.role.clone(),
        session_name: spec.name.clone(),
        expires_at: Some(SystemTime::now() + SESSION),
        function_arn: Some(function_arn(world, spec)),
        instance_arn: None,
    };
    world.aws.access_keys.insert(id.clone(), session);
    Ok(id)
}

/// So many random bytes, in base64.
fn random(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    SystemRandom::new().fill(&mut buffer).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(STANDARD.encode(buffer))
}

/// `2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef`
fn log_stream() -> String {
    let today = time::OffsetDateTime::from(SystemTime::now()).date();
    let (year, month, day) = (today.year(), u8::from(today.month()), today.day());
    format!("{year}/{month:02}/{day:02}/[$LATEST]{}", uuid::Uuid::new_v4().simple())
}
