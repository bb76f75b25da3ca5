//! False alarms and misses of the observed share: traffic is drawn again and again,
//! and the library's own check says whether the committed weight is in effect.
//!
//! `cargo bench --bench share` (more windows for each figure: `-- 1000000`; the figures
//! are the same in each run). Two ways to count: *exactly*, each request of the window
//! once; and *as scraped*, the worst that is usual: a window of two scrapes sees half
//! of the requests and tells each twice, the two sides are scraped at different moments
//! while traffic changes by up to a tenth, and a step takes effect five seconds late
//! in a window of one minute.

#![allow(clippy::print_stdout, reason = "the figures are the result")]

use weirkeeper::decide::Share;

/// Requests in a window.
const REQUESTS: [u32; 7] = [10, 30, 100, 300, 1000, 3000, 10_000];

/// The committed weight and that of the step before, in percent.
const STEPS: [(f64, f64); 5] = [
    (1.0, 0.0),
    (10.0, 5.0),
    (50.0, 40.0),
    (90.0, 80.0),
    (100.0, 90.0),
];

/// The committed weight, and what the gateway does instead.
const WRONG: [(f64, f64, &str); 9] = [
    (1.0, 0.0, "not applied"),
    (10.0, 0.0, "not applied"),
    (10.0, 5.0, "the step before"),
    (10.0, 50.0, "weights ignored"),
    (50.0, 0.0, "not applied"),
    (50.0, 40.0, "the step before"),
    (50.0, 100.0, "all to the canary"),
    (100.0, 50.0, "the step before"),
    (100.0, 90.0, "the step before"),
];

fn main() {
    let windows = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(100_000);
    let mut random = Random(0x5eed);
    println!("False alarms: the share is as committed. Percent of {windows} windows.");
    heading("weight");
    for (weight, before) in STEPS {
        for how in [Count::Exactly, Count::Scraped] {
            let real = match how {
                Count::Exactly => weight,
                Count::Scraped => (weight * 55.0 + before * 5.0) / 60.0,
            };
            row(&format!("{weight} %"), how, |requests| {
                off(weight, real, requests, how, windows, &mut random)
            });
        }
    }
    println!();
    println!("Misses: the share is another one. Percent of {windows} windows.");
    heading("weight, real");
    for (weight, real, why) in WRONG {
        for how in [Count::Exactly, Count::Scraped] {
            row(&format!("{weight} %, {real} % ({why})"), how, |requests| {
                1.0 - off(weight, real, requests, how, windows, &mut random)
            });
        }
    }
}

/// How requests are counted.
#[derive(Debug, Clone, Copy)]
enum Count {
    /// Each once.
    Exactly,
    /// As Prometheus tells them in the worst usual case.
    Scraped,
}

fn heading(first: &str) {
    let columns: String = REQUESTS.iter().map(|n| format!("{n:>9}")).collect();
    println!("{:<32}{:<11}{columns}", first, "counted");
}

fn row(what: &str, how: Count, mut share: impl FnMut(u32) -> f64) {
    let how = match how {
        Count::Exactly => "exactly",
        Count::Scraped => "as scraped",
    };
    let cells = REQUESTS.iter().map(|requests| share(*requests) * 100.0);
    let cells: String = cells.map(|percent| format!("{percent:>9.3}")).collect();
    println!("{what:<32}{how:<11}{cells}");
}

/// The part of the windows in which the share is told to be off.
fn off(
    weight: f64,
    real: f64,
    requests: u32,
    how: Count,
    windows: u32,
    random: &mut Random,
) -> f64 {
    let (weight, real) = (weight / 100.0, real / 100.0);
    let found = match how {
        Count::Exactly => {
            let canary = Binomial::new(requests, real);
            count(windows, || {
                let drawn = canary.draw(random);
                is_off(weight, drawn, f64::from(requests) - drawn)
            })
        }
        Count::Scraped => {
            let sides = [real, 1.0 - real].map(|share| {
                let traffic = [0.9, 1.0, 1.1].map(|changed| f64::from(requests) / 2.0 * changed);
                traffic.map(|seen| Binomial::new(whole(seen), share))
            });
            count(windows, || {
                let [canary, primary] = [0, 1].map(|side: usize| {
                    let moment = random.below(sides[side].len());
                    2.0 * sides[side][moment].draw(random)
                });
                is_off(weight, canary, primary)
            })
        }
    };
    f64::from(found) / f64::from(windows)
}

fn is_off(weight: f64, canary: f64, primary: f64) -> bool {
    Share::of(weight, canary, primary).is_some_and(|share| share.is_off())
}

fn count(windows: u32, mut is: impl FnMut() -> bool) -> u32 {
    (0..windows).map(|_| u32::from(is())).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few thousand requests"
)]
fn whole(requests: f64) -> u32 {
    requests.round() as u32
}

/// How many of a number of requests take one of two ways.
struct Binomial {
    /// The probability of at most so many.
    at_most: Vec<f64>,
}

impl Binomial {
    fn new(requests: u32, share: f64) -> Self {
        // By logarithms: the probability of none of 10 000 is too small for a float.
        let mut log = 0.0;
        let mut at_most = Vec::new();
        let mut sum = 0.0;
        for taken in 0..=requests {
            let rest = requests - taken;
            let way = |count: u32, share: f64| match count {
                0 => 0.0,
                count => f64::from(count) * share.ln(),
            };
            sum += f64::exp(log + way(taken, share) + way(rest, 1.0 - share));
            at_most.push(sum);
            log += (f64::from(rest) / f64::from(taken + 1)).ln();
        }
        Self { at_most }
    }

    fn draw(&self, random: &mut Random) -> f64 {
        let drawn = random.unit();
        let last = self.at_most.len() - 1;
        let taken = self.at_most.partition_point(|sum| *sum <= drawn).min(last);
        u32::try_from(taken).map_or(f64::INFINITY, f64::from)
    }
}

/// `SplitMix64`, so that the figures are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        let count = count.max(1) as u64;
        usize::try_from(self.next() % count).unwrap_or(0)
    }
}
