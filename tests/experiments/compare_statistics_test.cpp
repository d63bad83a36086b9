// SPDX-License-Identifier: MIT
// Medians, intervals and ratios against numbers worked out by hand and against full enumeration.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "catch.h"
#include "compare_fixture.h"
#include <dropmuon/experiments/compare_statistics.h>

using namespace dropmuon;

namespace {

// The exact 2.5 and 97.5 % points of the median of n draws, from all n^n of them. Not for sets
// where one of them falls within Monte Carlo error of a jump.
Interval enumerated(const std::vector<double>& values) {
  const std::size_t n = values.size();
  std::map<double, double> probability;
  std::vector<std::size_t> digits(n, 0);
  const double each = std::pow(1.0 / static_cast<double>(n), static_cast<double>(n));
  for (bool more = true; more;) {
    std::vector<double> drawn;
    for (const std::size_t digit : digits) drawn.push_back(values[digit]);
    std::sort(drawn.begin(), drawn.end());
    probability[n % 2 == 1 ? drawn[n / 2] : (drawn[n / 2 - 1] + drawn[n / 2]) / 2.0] += each;
    std::size_t place = 0;
    while (place < n && ++digits[place] == n) digits[place++] = 0;
    more = place < n;
  }
  Interval interval{kInf, -kInf};
  double below = 0.0;
  for (const auto& [value, mass] : probability) {
    if (below < 0.025 && below + mass >= 0.025) interval.low = value;
    if (below < 0.975 && below + mass >= 0.975) interval.high = value;
    below += mass;
  }
  return interval;
}

}  // namespace

TEST_CASE("medians: odd, even, ties, misses") {
  using Values = std::vector<double>;
  CHECK(median(Values{3}) == 3);
  CHECK(median(Values{9, 1, 4}) == 4);
  CHECK(median(Values{9, 1, 4, 2}) == 3);
  CHECK(median(Values{5, 5, 5, 1}) == 5);
  CHECK(median(Values{kInf, 1, 2}) == 2);           // one of three missed
  CHECK(median(Values{kInf, 1, kInf}) == kInf);     // two of three
  CHECK(median(Values{kInf, 1, kInf, 2}) == kInf);  // half: the mean of 2 and infinity
  CHECK(median(Values{kInf, kInf}) == kInf);
}

TEST_CASE("mean and standard deviation") {
  // Deviations -3, -1, 0, 4; squares 9 + 1 + 0 + 16 = 26; 26 / 3.
  const Spread four = spread(std::vector<double>{2, 4, 5, 9});
  CHECK(four.mean == 5);
  REQUIRE(four.deviation);
  CHECK(*four.deviation == Approx(std::sqrt(26.0 / 3.0)).epsilon(1e-15));
  const Spread one = spread(std::vector<double>{0.25});
  CHECK(one.mean == 0.25);
  CHECK_FALSE(one.deviation);
  CHECK(*spread(std::vector<double>{7, 7}).deviation == 0);
}

TEST_CASE("bootstrap intervals of the median are those of full enumeration") {
  using Values = std::vector<double>;
  CHECK_FALSE(median_interval(Values{1}));
  // Two values: the smaller twice in 1/4 of the draws.
  check(median_interval(Values{12, 18}), 12, 18);
  // Three: the smallest at least twice in 7/27. Five: at least thrice, 0.058.
  check(median_interval(Values{4, 1, 2}), 1, 4);
  check(median_interval(Values{10, 20, 30, 40, kInf}), 10, kInf);
  // Seven: at least four times in 0.0102, less than 2.5 %; one of the two smallest: 0.108.
  check(median_interval(Values{7, 6, 5, 4, 3, 2, 1}), 2, 6);
  check(median_interval(Values{1, 2, 3, 4, 5, kInf, kInf}), 2, kInf);
  check(median_interval(Values{1, 2, 3, 4, 5, 6, kInf}), 2, 6);
  check(median_interval(Values{3, 3, 3}), 3, 3);
  for (const Values& values : {Values{1, 2, 4, 8}, Values{1, 5, 6, 7, 7},
                               Values{1, 2, 4, 8, 16, 32}, Values{10, 11, 30, 31, 90, 91, 92}}) {
    const Interval exact = enumerated(values);
    check(median_interval(values), exact.low, exact.high);
  }
}

TEST_CASE("the same values give the same interval in any run, and do not depend on earlier calls") {
  // Enough different ratios of medians for other draws to show at the ends.
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 20; ++i) {
    a.push_back(1.0 + std::fmod(i * 0.6180339887, 1.0));
    b.push_back(1.0 + std::fmod(i * 0.4142135623, 1.0));
    if (i < 4) continue;
    const auto first = median_ratio_interval(a, b, Pairing::independent);
    median_interval(a);
    const auto second = median_ratio_interval(a, b, Pairing::independent);
    check(second, first->low, first->high);
  }
  // As this program has said it before.
  const auto last = median_ratio_interval(a, b, Pairing::independent);
  CHECK(last->low == Approx(0.8052748803).epsilon(1e-9));
  CHECK(last->high == Approx(1.2129083181).epsilon(1e-9));
}

TEST_CASE("the interval of many values is about as wide as theory says") {
  std::vector<double> values;
  for (int i = 0; i < 40; ++i) values.push_back(std::fmod(i * 0.6180339887, 1.0));
  const auto interval = median_interval(values);
  CHECK(interval->low < 0.45);  // about 0.5 -+ 1.96 * 1.25 * 0.29 / sqrt(40) = 0.5 -+ 0.11
  CHECK(interval->low > 0.30);
  CHECK(interval->high > 0.55);
  CHECK(interval->high < 0.70);
}

TEST_CASE("ratios of medians: finite, infinite, undefined") {
  using Values = std::vector<double>;
  CHECK(*median_ratio(Values{5, 10, 15}, Values{20, 30, 10}) == 0.5);
  CHECK(*median_ratio(Values{kInf}, Values{30}) == kInf);
  CHECK(*median_ratio(Values{30}, Values{kInf}) == 0);
  CHECK(*median_ratio(Values{30}, Values{0}) == kInf);
  CHECK_FALSE(median_ratio(Values{kInf}, Values{kInf}));
  CHECK_FALSE(median_ratio(Values{0}, Values{0}));
}

TEST_CASE("ratio intervals: pairs move together, independent groups do not") {
  using Values = std::vector<double>;
  const Values slow = {10, 20, 30, 40, 50};
  const Values fast = {5, 10, 15, 20, 25};
  check(median_ratio_interval(fast, slow, Pairing::by_seed), 0.5, 0.5);
  // A median is the 1st .. 5th value with 0.058, 0.260, 0.365, 0.260, 0.058. The smallest ratios
  // are 5/50 and 5/40, together 0.018, then 5/30 with 0.021; the largest 25/10, 20/10, 15/10
  // likewise.
  check(median_ratio_interval(fast, slow, Pairing::independent), 5.0 / 30.0, 1.5);
  CHECK_FALSE(median_ratio_interval(Values{1}, slow, Pairing::independent));
  CHECK_FALSE(median_ratio_interval(slow, Values{1}, Pairing::independent));
  CHECK_FALSE(median_ratio_interval(Values{1}, Values{2}, Pairing::by_seed));
}

TEST_CASE("ratio intervals with misses") {
  using Values = std::vector<double>;
  const Values slow = {10, 20, 30, 40, kInf};
  // The median is 25 / inf = 0 in 0.058 of the draws, else 0.5.
  check(median_ratio_interval(Values{5, 10, 15, 20, 25}, slow, Pairing::by_seed), 0, 0.5);
  check(median_ratio_interval(slow, Values{5, 10, 15, 20, 25}, Pairing::by_seed), 2, kInf);
  // {12, 18}: 12, 15, 18 with 1/4, 1/2, 1/4. Over 10 (0.058): 1.8 in 0.0145, too rare; 1.5 in
  // another 0.029. Over inf: 0 in 0.058.
  check(median_ratio_interval(Values{12, 18}, slow, Pairing::independent), 0, 1.5);
  // inf / inf in 1/4 of the draws: nothing is known, so the interval is everything.
  check(median_ratio_interval(Values{1, kInf}, Values{2, kInf}, Pairing::by_seed), 0, kInf);
  check(median_ratio_interval(Values{kInf, kInf}, Values{kInf, kInf}, Pairing::by_seed), 0, kInf);
}

TEST_CASE("outliers are ten standard deviations off") {
  using Values = std::vector<double>;
  using Indices = std::vector<std::size_t>;
  CHECK(outliers(Values{}).empty());
  CHECK(outliers(Values{3}).empty());
  CHECK(outliers(Values{3, 300}).empty());  // who is right?
  // Median 3, distances 2 1 0 1 x: MAD 1.
  CHECK(outliers(Values{1, 2, 3, 4, 17.8}).empty());
  CHECK(outliers(Values{1, 2, 3, 4, 17.9}) == Indices{4});
  CHECK(outliers(Values{-11.9, 2, 3, 4, 5}) == Indices{0});
  CHECK(outliers(Values{5, 5, 5, 5.1}) == Indices{3});  // MAD 0
  CHECK(outliers(Values{5, 5, 5}).empty());
}
