//! Stand-ins on loopback that decide as the clouds decide: real keys, real signatures, real trust
//! rules (those of `carnet-trust`), the clouds' own error bodies.
//!
//! | module | stands in for |
//! |---|---|
//! | [`world`] | what exists: accounts, roles, keys, applications, containers. Data only |
//! | [`local`] | the running whole: starts every listener, writes the state, stops them |
//! | [`aws`] | STS, the two IAM calls of outbound federation, the issuer's discovery and keys |
//! | [`s3`] | Amazon S3: conditions, parts, checksums |
//! | [`entra`] | the token endpoint, discovery, keys |
//! | [`azure_blob`] | the reading half of Azure Blob over a plain folder |
//! | [`google`] | the security token service, IAM credentials, their access tokens |
//! | [`google_storage`] | the reading half of Cloud Storage's JSON API over a plain folder |
//! | [`key_vault`] | the reading half of Key Vault's secrets |
//! | [`secret_manager`] | the reading half of Google's Secret Manager |
//! | `folder` | a plain folder as a store of objects, for both of them |
//! | [`lambda`] | Lambda's runtime API, with API Gateway's REST shape in front |
//! | [`push`] | what pushes events: Event Grid and Pub/Sub, with real tokens |
//! | [`imds`] | an EC2 instance's metadata service, version 2 |
//! | [`faults`] | what can go wrong on each hop, switched on by rule |
//! | [`workloads`] | what a workload of any cloud finds to prove who it is: metadata, token endpoints, files |
//! | [`names`] | hosts of the internet that are played: other people's issuers under their real names |
//! | [`issuers`] | other people's issuers: their discovery and keys, fetched and kept by each cloud |
//! | [`server`], [`tls`], [`jwt`] | listeners, the CA of one's own, signing and checking |

pub mod aws;
pub mod azure_blob;
pub mod entra;
pub mod faults;
mod folder;
pub mod google;
pub mod google_storage;
pub mod imds;
pub mod issuers;
pub mod jwt;
pub mod key_vault;
pub mod lambda;
pub mod local;
pub mod names;
pub mod push;
pub mod s3;
pub mod secret_manager;
pub mod server;
pub mod tls;
pub mod workloads;
pub mod world;

pub use local::{Local, Options, State};
pub use world::World;
