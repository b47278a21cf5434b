//! Plans: reasons, orders, splits, checkpoints, digests.

mod support;

use carnet_objects::memory::Memory;
use carnet_objects::{
    BoxFuture, Conditions, Key, Kind, ListRequest, ObjectMeta, ObjectSource, Opened, Page, PageToken,
    ReadRequest, Result,
};
use carnet_sync::listing::{KeyRange, Listing};
use carnet_sync::order::Order;
use carnet_sync::plan::step::{PlanOptions, PlanState, advance};
use carnet_sync::plan::{Kept, Reason, Skipped};
use carnet_sync::{
    Action, BatchLimits, Disorder, Ending, FilterSpec, Manifest, Refusal, Silent, State, Stop, SyncError,
    dry_run,
};
use proptest::prelude::*;
use std::sync::Arc;
use support::{Break, STATE, World, key, noise};

/// Lists as an account with a hierarchical namespace does; otherwise memory.
struct Hierarchical {
    memory: Arc<Memory>,
    page: usize,
}

impl Hierarchical {
    async fn names(&self) -> Vec<ObjectMeta> {
        let mut all = Vec::new();
        let mut request = ListRequest::default();
        loop {
            let page = ObjectSource::list(&*self.memory, &request).await.unwrap();
            all.extend(page.objects);
            match page.next {
                Some(next) => request.page_token = Some(next),
                None => break,
            }
        }
        all.sort_by(|a, b| Order::Hierarchical.compare(a.key.as_str(), b.key.as_str()));
        all
    }

    /// In its own order, which is also what it begins by.
    async fn page(&self, request: &ListRequest) -> Page {
        let from = request.page_token.as_ref().map(PageToken::as_str).or(request.start_from.as_deref());
        let mut rest = self.names().await;
        rest.retain(|meta| {
            from.is_none_or(|from| Order::Hierarchical.compare(from, meta.key.as_str()).is_le())
        });
        let next = rest.get(self.page).map(|meta| PageToken::new(meta.key.as_str()));
        rest.truncate(self.page);
        Page { objects: rest, next, ..Page::default() }
    }
}

impl ObjectSource for Hierarchical {
    fn target(&self) -> &str {
        "hierarchical"
    }
    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move { Ok(self.page(request).await) })
    }
    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        ObjectSource::head(&*self.memory, key, conditions)
    }
    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        self.memory.open(key, request)
    }
    fn credential_rejected(&self) {}
}

async fn read_all(mut listing: Listing) -> std::result::Result<Vec<String>, SyncError> {
    let mut names = Vec::new();
    while let Some(listed) = listing.next().await? {
        names.push(listed.name().to_owned());
    }
    Ok(names)
}

fn fill(names: impl IntoIterator<Item = String>) -> (Arc<Memory>, Vec<String>) {
    let memory = Arc::new(Memory::new());
    let mut sorted: Vec<String> = names.into_iter().collect();
    for name in &sorted {
        memory.put(&key(name), "x", carnet_objects::memory::PutOptions::default());
    }
    sorted.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    sorted.dedup();
    (memory, sorted)
}

fn run_now<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// However it is cut, a listing by bytes is read whole.
    #[test]
    fn a_split_listing_is_the_listing(
        names in prop::collection::vec("[ab/.-]{1,5}", 0..60).prop_map(addressable),
        cuts in prop::collection::btree_set("[ab/.-]{1,4}", 0..5),
        ahead in 1usize..4,
        after in prop::option::of("[ab/.-]{1,4}"),
    ) {
        let (memory, sorted) = fill(names);
        let listing = Listing::ascending(memory, KeyRange::cut(cuts), after.clone(), ahead);
        let expected: Vec<_> = sorted.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).collect();
        prop_assert_eq!(run_now(read_all(listing)).unwrap(), expected);
    }

    /// However it is cut and wherever it goes on, a hierarchical listing is either read whole or
    /// refused: never taken for whole while names are missing.
    #[test]
    fn a_hierarchical_listing_never_loses_names(
        names in prop::collection::vec("[ab/.-]{1,5}", 0..60).prop_map(addressable),
        cuts in prop::collection::btree_set("[ab/.-]{1,4}", 0..5),
        ahead in 1usize..4,
        page in 1usize..7,
    ) {
        let (memory, sorted) = fill(names);
        let source = Arc::new(Hierarchical { memory, page });
        let listing = Listing::ascending(source.clone(), KeyRange::cut(cuts), None, ahead);
        match run_now(read_all(listing)) {
            Ok(read) => prop_assert_eq!(&read, &sorted),
            Err(error) => prop_assert!(matches!(error, SyncError::Disorder(_)), "{}", error),
        }
        let scratch = carnet_sync::Scratch { memory: 500, ..Default::default() };
        let again = run_now(async { read_all(Listing::resorted(source, None, scratch).await?).await });
        prop_assert_eq!(again.unwrap(), sorted);
    }
}

fn addressable(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| Key::parse(name).is_ok()).collect()
}

/// The name that a checkpoint ends with is gone, and what the store lists from there on begins with a
/// name that comes before it by bytes.
#[tokio::test]
async fn a_listing_that_goes_on_in_another_order_is_refused() {
    let (memory, _) = fill(["d-x", "e"].map(str::to_owned));
    let source = Arc::new(Hierarchical { memory, page: 5 });
    let listing = Listing::ascending(source, vec![KeyRange::default()], Some("d/1".to_owned()), 1);
    let outcome = read_all(listing).await;
    assert!(matches!(outcome, Err(SyncError::Disorder(Disorder::Hierarchical))), "{outcome:?}");
}

#[tokio::test]
async fn a_hierarchical_source_is_recognised_and_nothing_of_it_is_deleted() {
    let world = World::new();
    for name in ["Path A-B", "Path A/dat1", "Path A/dat2", "Path A.txt", "z"] {
        world.put(name, name.to_owned());
    }
    let source = Arc::new(Hierarchical { memory: world.source.clone(), page: 2 });
    let run = || {
        carnet_sync::run(world.job_from(source.clone()), world.options.clone(), world.progress(), Stop::new())
    };
    let first = run().await.unwrap();
    assert_eq!((first.ending, first.counts.copied), (Ending::Done, 5));
    assert!(world.heard("planning_again"));
    world.assert_same().await;
    assert_eq!(world.manifest().await.root.unwrap().source_order, Order::Hierarchical);
    // The second run knows.
    world.events.lock().unwrap().clear();
    let second = run().await.unwrap();
    assert_eq!((second.ending, second.planned.keep), (Ending::NothingToDo, 5));
    assert!(!world.heard("planning_again"));
    world.remove("Path A-B");
    let third = run().await.unwrap();
    assert_eq!((third.ending, third.counts.deleted), (Ending::Done, 1));
    world.assert_same().await;
}

/// The listing's order falls apart after names that a comparison has already missed.
#[tokio::test]
async fn a_listing_in_no_order_deletes_nothing() {
    struct Shuffled(Arc<Memory>);
    impl ObjectSource for Shuffled {
        fn target(&self) -> &str {
            "shuffled"
        }
        fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
            Box::pin(async move {
                let mut page = ObjectSource::list(&*self.0, request).await?;
                page.objects.rotate_left(2);
                Ok(page)
            })
        }
        fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
            ObjectSource::head(&*self.0, key, conditions)
        }
        fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
            self.0.open(key, request)
        }
        fn credential_rejected(&self) {}
    }
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        world.put(name, "x");
    }
    world.run().await.unwrap();
    let job = world.job_from(Arc::new(Shuffled(world.source.clone())));
    let outcome = carnet_sync::run(job, world.options.clone(), world.progress(), Stop::new()).await;
    assert!(matches!(outcome, Err(SyncError::Disorder(Disorder::Unknown { .. }))), "{outcome:?}");
    world.assert_same().await;
}

#[tokio::test]
async fn a_listing_that_breaks_off_or_is_denied_deletes_nothing() {
    for kind in [Kind::Forbidden, Kind::NotFound, Kind::Malformed] {
        let world = World::new();
        world.put("a", "x");
        world.put("b", "x");
        world.run().await.unwrap();
        world.remove("b");
        world.frail.on("source list", Break::Fail(kind));
        assert_eq!(world.run().await.unwrap_err().kind(), Some(kind));
        assert_eq!(world.held().await.len(), 2);
        // The lease was given back, and the next run does it.
        assert_eq!(world.run().await.unwrap().counts.deleted, 1);
        world.assert_same().await;
    }
}

#[tokio::test]
async fn every_action_has_its_reason() {
    let mut world = World::new();
    for name in ["changed", "excluded.tmp", "gone", "same"] {
        world.put(name, "one");
    }
    world.prefix = "in/".to_owned();
    world.run().await.unwrap();
    world.put("changed", "two"); // The same size: that proves nothing.
    world.remove("gone");
    world.put("new", "x");
    world.put("new.tmp", "x");
    world.put(&"x".repeat(1024), "x");
    let filter = FilterSpec { exclude: vec!["*.tmp".to_owned()], ..FilterSpec::default() };
    let options = PlanOptions { filter, ..PlanOptions::default() };
    let mut actions = Vec::new();
    let before = world.frail.log().len();
    let plan = dry_run(&world.job(), &options, |action| actions.extend(action.cloned())).await.unwrap();
    assert!(before > 0 && world.frail.log().iter().all(|call| !call.starts_with("put")));
    let said: Vec<String> = actions
        .iter()
        .map(|action| match action {
            Action::Copy(task) => format!("copy {} {:?}", task.found.key, task.reason),
            Action::Keep { key, why } => format!("keep {key} {why:?}"),
            Action::Delete(deletion) => format!("delete {}", deletion.key),
            Action::Skip { name, why } => format!("skip {} {why:?}", &name[..name.len().min(8)]),
        })
        .collect();
    let expected = [
        format!("copy changed {:?}", Reason::OtherVersion),
        format!("keep excluded.tmp {:?}", Kept::Excluded),
        "delete gone".to_owned(),
        format!("copy new {:?}", Reason::New),
        format!("skip new.tmp {:?}", Skipped::Excluded),
        format!("keep same {:?}", Kept::SameVersion),
        format!("skip xxxxxxxx {:?}", Skipped::NameTooLong),
    ];
    assert_eq!(said, expected);
    let tally = plan.tally();
    assert_eq!((tally.listed, tally.copy, tally.keep, tally.delete, tally.skip), (6, 2, 2, 1, 2));
    // The digest is that of the actions: the same again, another after a change.
    let again = dry_run(&world.job(), &options, |_| {}).await.unwrap();
    assert_eq!(plan.digests(), again.digests());
    world.put("new", "y");
    let [other, deletions] = dry_run(&world.job(), &options, |_| {}).await.unwrap().digests();
    assert_ne!(other, plan.digests()[0]);
    assert_eq!(deletions, plan.digests()[1]);
}

#[tokio::test]
async fn what_would_lie_among_the_states_files_is_skipped() {
    let world = World::new();
    world.put(".carnet/root.json", "forged");
    world.put("a", "x");
    let summary = world.run().await.unwrap();
    assert_eq!((summary.counts.copied, summary.planned.skip), (1, 1));
    assert!(world.manifest().await.root.is_some());
}

/// Wherever it stops, and in however many steps, a plan comes to the same actions and digest.
#[tokio::test]
async fn a_plan_goes_on_from_its_checkpoint() {
    let world = World::new();
    for number in 0..40 {
        world.put(&format!("{number:03}"), noise(number, 5));
    }
    world.run().await.unwrap();
    for number in (0..40).step_by(3) {
        world.remove(&format!("{number:03}"));
    }
    for number in 0..20 {
        world.put(&format!("{number:03}x"), "new");
    }
    let (job, state) = (world.job(), State::new(world.sink.clone(), STATE).unwrap());
    let manifest = Manifest::load(&state).await.unwrap();
    let batches = BatchLimits { objects: 3, bytes: u64::MAX, spread: false };
    let options = PlanOptions { batches, parallel: 1, ..PlanOptions::default() };
    let whole = dry_run(&job, &options, |_| {}).await.unwrap();

    let run = carnet_sync::RunId::parse("execution-1").unwrap();
    let mut plan = PlanState::begin(run.clone(), job.clock.now(), &manifest, &options);
    let mut steps = 0;
    while !plan.complete {
        // Stops once a batch was handed out: each step makes one.
        let stop = Stop::new();
        let deliver = Once { state: state.clone(), stop: stop.clone() };
        plan = advance(&job, &manifest, &options, plan, &deliver, &Silent, &stop).await.unwrap();
        // As another process would have it.
        plan.store(&state).await.unwrap();
        plan = PlanState::load(&state, &run).await.unwrap().unwrap();
        steps += 1;
    }
    assert!(steps > 5, "{steps}");
    assert_eq!((plan.tally(), plan.digests()), (whole.tally(), whole.digests()));
    let mut tasks = Vec::new();
    for number in plan.first_batch..plan.next_batch {
        let batch = carnet_sync::Batch::load(&state, &run, number).await.unwrap();
        tasks.extend(batch.tasks.into_iter().map(|task| task.found.key));
    }
    assert!(tasks.is_sorted() && tasks.len() == 20, "{tasks:?}");
    assert_eq!(plan.deletions.iter().map(|piece| piece.records).sum::<u64>(), 14);

    // Against another manifest it is void.
    world.run().await.unwrap();
    let moved = Manifest::load(&state).await.unwrap();
    let plan = PlanState { complete: false, ..plan };
    let outcome = advance(&job, &moved, &options, plan, &state, &Silent, &Stop::new()).await;
    assert!(matches!(outcome, Err(SyncError::ManifestMoved)));
}

struct Once {
    state: State,
    stop: Stop,
}

impl carnet_sync::plan::step::Deliver for Once {
    fn batch(&self, batch: carnet_sync::Batch) -> BoxFuture<'_, carnet_sync::Result<()>> {
        self.stop.stop();
        self.state.batch(batch)
    }
}

#[tokio::test]
async fn the_guard_refuses_and_is_passed_with_the_digest() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.put(name, "x");
    }
    world.options.guard.always = 0;
    world.options.guard.max_percent = 50;
    world.run().await.unwrap();
    world.remove("a");
    world.remove("b");
    world.put("d", "new");
    let refused = world.run().await.unwrap();
    assert_eq!(refused.ending, Ending::RefusedByGuard);
    assert_eq!(refused.refusal, Some(Refusal::TooLargeAShare { deletes: 2, objects: 3, percent: 50 }));
    // What there was to copy is copied, and nothing is deleted.
    assert_eq!(world.held().await.len(), 4);
    world.options.guard.passed = Some(refused.deletions_digest);
    // Another object goes meanwhile: that is not what was passed.
    world.remove("c");
    world.remove("d");
    assert_eq!(world.run().await.unwrap().refusal, Some(Refusal::SourceIsEmpty { deletes: 4 }));
    world.options.guard.passed = None;
    let summary = world.run_and_pass().await.unwrap();
    assert_eq!((summary.ending, summary.counts.deleted), (Ending::Done, 4));
    world.assert_same().await;
}
