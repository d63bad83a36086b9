// SPDX-License-Identifier: MIT
#include "thread_team.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include <omp.h>

#include "batch_job.h"
#include "startable_threads.h"
#include <dropmuon/core/cpu_quota.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/processors.h>
#include <dropmuon/core/waiting.h>

namespace dropmuon::cpu {
namespace {

const char* plural(int count) { return count == 1 ? "" : "s"; }

void limit(ThreadTeam& team, int most, const std::string& reason) {
  if (most < team.threads) team = {most, reason};
}

int quota_processors(double quota) { return std::max(1, static_cast<int>(quota)); }

void keep_to_the_limit(ThreadTeam& team) {
  const int most = omp_get_thread_limit();
  limit(team, most, fmt::format("OMP_THREAD_LIMIT={}", most));
}

int members(int asked) {
  int count = 0;
#pragma omp parallel num_threads(asked) reduction(+ : count)
  count += 1;
  return count;
}

// As many as come when they are called.
void call_the_team(ThreadTeam& team) {
  const StartableThreads startable = startable_threads(team.threads);
  limit(team, startable.count, startable.reason);
  for (int found = members(team.threads); found != team.threads; found = members(team.threads)) {
    limit(team, found, fmt::format("the OpenMP runtime starts no more than {}", found));
  }
}

// The same words are not said twice: some commands make several backends.
void warn_once(const std::string& message) {
  static std::string last;
  if (std::exchange(last, message) != message) log::warning("{}", message);
}

void warn_of_surprises(int expected, int asked, const ThreadTeam& team) {
  const int processors = paid_processors(static_cast<int>(usable_processors().size()));
  if (team.threads < expected) {
    warn_once(
        fmt::format("threads: {} compute instead of {}: {}", team.threads, expected, team.reason));
  } else if (asked > 0 && asked > processors) {
    warn_once(
        fmt::format("threads: {} share {} processor{} and wait for each other; threads: auto "
                    "is faster",
                    asked, processors, plural(processors)));
  }
}

}  // namespace

std::vector<int> usable_processors() {
  std::vector<int> processors;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    processors.insert(processors.end(), ids.begin(), ids.end());
  }
  if (processors.empty()) return allowed_processors();
  std::sort(processors.begin(), processors.end());
  processors.erase(std::unique(processors.begin(), processors.end()), processors.end());
  return processors;
}

int paid_processors(int count) {
  if (const auto quota = cpu_quota()) count = std::min(count, quota_processors(*quota));
  if (const auto job = batch_job_allowance()) count = std::min(count, job->processors);
  return count;
}

ThreadTeam automatic_team(int processors) {
  ThreadTeam team{processors, "one for each processor"};
  if (const auto quota = cpu_quota()) {
    limit(team, quota_processors(*quota), fmt::format("a CPU quota of {:.3g}", *quota));
  }
  for (const auto& most : {batch_job_allowance(), omp_num_threads()}) {
    if (most) limit(team, most->processors, most->reason);
  }
  keep_to_the_limit(team);
  return team;
}

ThreadTeam start_team(int asked) {
  omp_set_dynamic(0);
  if (omp_get_max_active_levels() < 1) omp_set_max_active_levels(1);
  const auto processors = static_cast<int>(usable_processors().size());
  ThreadTeam team = asked > 0 ? ThreadTeam{asked, "as configured"} : automatic_team(processors);
  const int expected = team.threads;
  keep_to_the_limit(team);
  call_the_team(team);
  omp_set_num_threads(team.threads);
  DM_CHECK(omp_get_max_threads() == team.threads, "{} threads, the libraries expect {}",
           team.threads, omp_get_max_threads());
  warn_of_surprises(expected, asked, team);
  return team;
}

std::string binding() {
  const int places = omp_get_num_places();
  if (places == 0) return "none";
  std::string text = fmt::format("to {} place{}", places, plural(places));
  for (const char* variable : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr) text += fmt::format(", {}={}", variable, value);
  }
  return text;
}

bool waiting_is_set() {
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  const char* spins = std::getenv("GOMP_SPINCOUNT");
  return (policy != nullptr && is_wait_policy(policy)) ||
         (spins != nullptr && spins_of(spins) != Spins::not_understood);
}

std::string waiting(const SpinThrottle::Team& team) {
  if (!waiting_is_set()) {
    if (team.threads == 1) return "no need: one thread";
    return SpinThrottle::can_act(team)
               ? "spins, then sleeps; sleeps soon while others want the processors"
               : "spins, then sleeps";
  }
  const char* spins = std::getenv("GOMP_SPINCOUNT");
  const Spins looks = spins == nullptr ? Spins::not_understood : spins_of(spins);
  if (looks == Spins::not_understood) {
    return fmt::format("OMP_WAIT_POLICY={}", std::getenv("OMP_WAIT_POLICY"));
  }
  return fmt::format("{} (GOMP_SPINCOUNT={})",
                     looks == Spins::endless ? "spins" : "spins, then sleeps", spins);
}

}  // namespace dropmuon::cpu
