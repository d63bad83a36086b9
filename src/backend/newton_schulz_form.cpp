// SPDX-License-Identifier: MIT
#include <algorithm>

#include <dropmuon/backend/newton_schulz_form.h>
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

// Operations in units of n^3.
double cost(const DirectionItem& item, const NewtonSchulz& method, NewtonSchulzForm form) {
  const double ratio = static_cast<double>(long_side(item)) / short_side(item);
  const auto steps = static_cast<double>(method.steps.size());
  if (form == NewtonSchulzForm::standard) return steps * (3.0 * ratio + 1.0);
  return 4.0 * steps - 3.0 + 3.0 * ratio + 3.0 * (ratio - 1.0) * restart_count(method);
}

}  // namespace

int short_side(const DirectionItem& item) { return std::min(item.rows, item.cols); }
int long_side(const DirectionItem& item) { return std::max(item.rows, item.cols); }

bool restarts_before(const NewtonSchulz& method, int step) {
  return step > 0 && step < static_cast<int>(method.steps.size()) &&
         std::ranges::find(method.restarts, step) != method.restarts.end();
}

int restart_count(const NewtonSchulz& method) {
  int count = 0;
  for (int step = 1; step < static_cast<int>(method.steps.size()); ++step) {
    count += static_cast<int>(restarts_before(method, step));
  }
  return count;
}

double newton_schulz_flops(const DirectionItem& item, const NewtonSchulz& method,
                           NewtonSchulzForm form) {
  DM_CHECK(form != NewtonSchulzForm::automatic, "operations of a form not yet chosen");
  const double n = short_side(item);
  return cost(item, method, form) * n * n * n;
}

NewtonSchulzForm chosen_form(const DirectionItem& item, const NewtonSchulz& method) {
  if (method.form != NewtonSchulzForm::automatic) return method.form;
  return cost(item, method, NewtonSchulzForm::gram) < cost(item, method, NewtonSchulzForm::standard)
             ? NewtonSchulzForm::gram
             : NewtonSchulzForm::standard;
}

}  // namespace dropmuon
