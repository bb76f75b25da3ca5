//! Everything a run depends on fails, in every way that was thought of.

use std::fmt::Debug;
use std::time::Duration;

use super::{MINUTES, REFERENCE, Reference, begin, steps};
use crate::support::dice::{Dice, number};
use crate::support::git_http::{Access, GitServer};
use crate::support::gitops::World;
use crate::support::program::{Call, Ran};
use crate::support::prometheus::RUNTIME;
use crate::support::proxy::{Proxy, Trouble, Way};
use crate::support::world::git;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The remote takes no push.
    Refusal,
    /// The connection to the remote is cut.
    Cut,
    /// The remote says nothing more.
    Silence,
    /// Everything comes, piece by piece.
    Slow,
    /// Not a byte more can be written to a file.
    DiskFull,
    /// Prometheus closes the connection before it has said everything.
    PrometheusCut,
    /// Prometheus says nothing more.
    PrometheusSilence,
}

const KINDS: [Kind; 7] = [
    Kind::Refusal,
    Kind::Cut,
    Kind::DiskFull,
    Kind::PrometheusSilence,
    Kind::Slow,
    Kind::Silence,
    Kind::PrometheusCut,
];

/// Both servers behind connections that can be disturbed.
struct Fragile {
    world: World,
    git: Proxy,
    prometheus: Proxy,
    /// Bytes to and from the remote in an undisturbed step.
    usual: [usize; 2],
    _server: GitServer,
}

impl Fragile {
    fn new() -> Self {
        let world = World::of("podinfo");
        git(&world.remote(), &["config", "http.receivepack", "true"]);
        let server = RUNTIME.block_on(GitServer::start(world.path(), Access::default()));
        let proxy = Proxy::start(server.address());
        let url = format!("{}/remote.git", proxy.url());
        git(&world.checkout(), &["remote", "set-url", "origin", &url]);
        Self {
            prometheus: Proxy::start(world.prometheus.address()),
            git: proxy,
            usual: [0; 2],
            _server: server,
            world,
        }
    }

    fn call(&self) -> Call {
        self.world
            .weirkeeper(["step", "--format", "json", "--prometheus"])
            .arg(self.prometheus.url())
    }

    /// A step with this fault; says whether it came to that, and what was said.
    fn disturbed(&self, kind: Kind, dice: &mut Dice) -> (bool, Ran) {
        let way = [Way::Up, Way::Down][dice.below(2)];
        let bytes = dice.below(self.usual[way as usize].max(1));
        match kind {
            Kind::Refusal => {
                self.world.pre_receive("echo 'Not now.' >&2; exit 1");
                let ran = self.call().run();
                fs_err::remove_file(self.world.remote().join("hooks/pre-receive")).unwrap();
                (ran.code != 0, ran)
            }
            Kind::Cut => self.troubled(Trouble::Cut(way, bytes), "60s"),
            Kind::Silence => self.troubled(Trouble::Hang(way, bytes), "3s"),
            Kind::Slow => self.troubled(Trouble::Slow(100, Duration::from_millis(1)), "60s"),
            Kind::DiskFull => {
                // In blocks of 512 bytes. Signals are not sent, so that it is an error like any other.
                let limit = format!("ulimit -f {}; trap '' XFSZ; exec \"$@\"", dice.below(3));
                let ran = self.call().under(["sh", "-c", &limit, "sh"]).run();
                (ran.code != 0, ran)
            }
            Kind::PrometheusCut | Kind::PrometheusSilence => {
                let bytes = dice.below(200);
                self.prometheus.set(Some(if kind == Kind::PrometheusCut {
                    Trouble::Cut(Way::Down, bytes)
                } else {
                    Trouble::Hang(Way::Down, bytes)
                }));
                let call = self.call().args(["--prometheus-timeout", "500ms"]);
                let ran = call.run();
                let happened = self.prometheus.happened();
                self.prometheus.set(None);
                (happened, ran)
            }
        }
    }

    fn troubled(&self, trouble: Trouble, deadline: &str) -> (bool, Ran) {
        self.git.set(Some(trouble));
        let ran = self.call().args(["--deadline", deadline]).run();
        let happened = self.git.happened();
        self.git.set(None);
        (happened, ran)
    }
}

#[test]
fn whatever_fails_steps_are_whole_and_the_next_run_goes_on() {
    let reference = &*REFERENCE;
    let wanted = number("WEIRKEEPER_FAULTS", 14);
    let mut dice = Dice::new(number("WEIRKEEPER_SEED", 1).try_into().unwrap());
    let mut told = Vec::new();
    while told.len() < wanted {
        rollout(reference, wanted, &mut dice, &mut told);
    }
    told.sort();
    println!("{}", told.join("\n"));
}

fn rollout(reference: &Reference, wanted: usize, dice: &mut Dice, told: &mut Vec<String>) {
    let mut fragile = Fragile::new();
    for minute in 0..MINUTES {
        begin(&fragile.world, minute);
        let [before, after] = &reference.tips[minute];
        assert_eq!(&fragile.world.tip(), before);
        for _ in 0..2 {
            if told.len() < wanted {
                let kind = KINDS[told.len() % KINDS.len()];
                let (happened, ran) = fragile.disturbed(kind, dice);
                let tip = fragile.world.tip();
                check(kind, happened, &ran, [before, after], &tip);
                steps(&fragile.world);
                let words = ran.stderr.replace('\n', " ");
                told.push(format!(
                    "{kind:?} {happened} {} {}: {words}",
                    ran.code,
                    &tip == after
                ));
            }
        }
        fragile.git.set(None);
        let ran = fragile.call().run().exits(0);
        assert_eq!(&fragile.world.tip(), after, "{ran}");
        assert_eq!(ran.stderr, "", "{ran}");
        if before != after {
            fragile.usual = fragile.git.passed();
        }
    }
    git(&fragile.world.remote(), &["fsck", "--strict"]);
    git(&fragile.world.checkout(), &["fsck", "--strict"]);
}

/// Exit code, words and branch after a disturbed step.
fn check(kind: Kind, happened: bool, ran: &Ran, [before, after]: [&String; 2], tip: &String) {
    assert!([before, after].contains(&tip), "{kind:?} {tip}\n{ran}");
    if ran.code == 0 {
        // Not reached, or got over: another try, or nothing was missing any more.
        let may = [Kind::Cut, Kind::PrometheusCut, Kind::Slow].contains(&kind);
        assert!(may || !happened, "{kind:?} {ran}");
        assert_eq!(tip, after, "{kind:?} {ran}");
        return;
    }
    // A busy machine may be silent, too.
    let expected = happened || kind == Kind::Silence;
    assert!(expected && ran.code == 4, "{kind:?} {ran}");
    let words: &[&str] = match kind {
        Kind::Refusal => &["refused the push to `main`"],
        Kind::Cut => &["cannot fetch from remote", "cannot push to remote"],
        Kind::Silence => &["the run took longer than 3 s"],
        Kind::DiskFull => &[
            "cannot fetch from remote",
            "cannot write the commit into the repository",
        ],
        Kind::PrometheusSilence | Kind::PrometheusCut => &["no usable answer from Prometheus"],
        Kind::Slow => &[],
    };
    let said = words.iter().any(|words| ran.stderr.contains(words));
    assert!(said, "{kind:?} {ran}");
    // Only what comes after the push can fail with the step taken.
    let late = [Kind::Cut, Kind::Silence].contains(&kind);
    assert!(late || tip == before, "{kind:?} {ran}");
}

/// Runs a step twice on a disk of its own: first with so many KiB left, then with room again.
const ON_A_SMALL_DISK: &str = "
set -e
cd $1
mkdir disk
mount -t tmpfs -o size=8m weirkeeper disk
cp -a checkout disk/
dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null || true
truncate -s -$2K disk/filler
cd disk/checkout
shift 2
set +e
\"$@\" >../../first.out 2>../../first.err
echo $? >../../first.code
rm ../filler
exec \"$@\"
";

#[test]
fn a_disk_without_room_is_an_error_and_room_is_all_it_takes() {
    let may = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=1m x /mnt"])
        .status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: nobody may mount here");
        return;
    }
    let reference = &*REFERENCE;
    let count = number("WEIRKEEPER_DISKS", 4);
    let mut told = Vec::new();
    for number in 0..count {
        let room = 4 * number;
        let world = World::of("podinfo");
        for minute in 0..=number % 4 {
            begin(&world, minute);
            if minute < number % 4 {
                let _ran = world.step().exits(0);
            }
        }
        let [before, after] = &reference.tips[number % 4];
        let folder = world.path().display().to_string();
        let wrapper = ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", &folder];
        let room = room.to_string();
        let wrapper = wrapper.into_iter().chain([&*room]);
        let second = world.stepping().under(wrapper).run().exits(0);
        assert_eq!(&world.tip(), after, "{second}");
        let first = |name: &str| {
            let path = world.path().join(format!("first.{name}"));
            fs_err::read_to_string(path).unwrap().trim_end().to_owned()
        };
        let (code, words) = (first("code"), first("err"));
        let took = second.result("test/podinfo")["commit"].is_null();
        match &*code {
            "0" => assert!(took, "{words}\n{second}"),
            "4" => {
                let full = ["No space left on device", "couldn't write"];
                let said = full.iter().any(|full| words.contains(full));
                assert!(!took && said, "{words}");
            }
            _ => panic!("{code}: {words}"),
        }
        assert_ne!(before, after);
        told.push(format!("{room} KiB left: {code} {words}"));
    }
    println!("{}", told.join("\n"));
}
