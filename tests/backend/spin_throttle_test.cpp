// SPDX-License-Identifier: MIT
// Where threads that wait can be made to sleep soon, and what is said of it.
#include "backend/cpu/spin_throttle.h"

#include <cstdlib>
#include <string>

#include "backend/cpu/thread_team.h"
#include "catch.h"

using namespace dropmuon::cpu;

namespace {

// What the environment says of waiting, put aside.
class NothingSaid {
 public:
  NothingSaid() {
    for (Variable& variable : variables_) {
      const char* value = std::getenv(variable.name);
      variable.was_set = value != nullptr;
      if (variable.was_set) variable.value = value;
      unsetenv(variable.name);
    }
  }
  ~NothingSaid() {
    for (const Variable& variable : variables_) {
      if (variable.was_set) setenv(variable.name, variable.value.c_str(), 1);
    }
  }

 private:
  struct Variable {
    const char* name;
    bool was_set = false;
    std::string value{};
  };
  Variable variables_[2] = {{"OMP_WAIT_POLICY"}, {"GOMP_SPINCOUNT"}};
};

}  // namespace

TEST_CASE("how threads wait is told as it is: sleeping soon only where it can be brought about",
          "[cpu]") {
  const NothingSaid nothing;
  const std::string soon = "; sleeps soon while others want the processors";
  CHECK(waiting({.threads = 2, .processors = 2}) == "spins, then sleeps" + soon);
  CHECK(waiting({.threads = 2, .processors = 1}) == "spins, then sleeps" + soon);
  CHECK(waiting({.threads = 2, .processors = 128}) == "spins, then sleeps" + soon);
  CHECK(waiting({.threads = 2, .processors = 129}) == "spins, then sleeps");
  CHECK(waiting({.threads = 1, .processors = 4}) == "no need: one thread");
  CHECK(SpinThrottle::can_act({.threads = 64, .processors = 190}));
  CHECK_FALSE(SpinThrottle::can_act({.threads = 64, .processors = 191}));
  CHECK_FALSE(SpinThrottle::can_act({.threads = 1, .processors = 2}));
  setenv("OMP_WAIT_POLICY", "active", 1);
  CHECK(waiting({.threads = 2, .processors = 2}) == "OMP_WAIT_POLICY=active");
  CHECK_FALSE(SpinThrottle::can_act({.threads = 2, .processors = 2}));
  unsetenv("OMP_WAIT_POLICY");
}
