// SPDX-License-Identifier: MIT
// What is decided about a matrix before Newton-Schulz begins, for every backend alike. A matrix is
// seen as n x m with n <= m, a tall one by its transpose. Only rows and cols of an item are read;
// both are at least 1.
#pragma once

#include <dropmuon/backend/newton_schulz.h>
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon {

int short_side(const DirectionItem& item);  // n
int long_side(const DirectionItem& item);   // m

// Whether the Gram form makes X and X X^T anew before this step (0-based) of `method`. Never before
// the first, where both are new anyway, nor behind the last; naming a step twice is naming it once.
bool restarts_before(const NewtonSchulz& method, int step);
int restart_count(const NewtonSchulz& method);

// Operations of one matrix, a multiply-add being two; symmetric products cost half.
// The form is standard or gram.
double newton_schulz_flops(const DirectionItem& item, const NewtonSchulz& method,
                           NewtonSchulzForm form);

// The form to iterate in, standard or gram: the method's own, or where it says automatic the one
// with fewer operations, of two equal ones the standard.
NewtonSchulzForm chosen_form(const DirectionItem& item, const NewtonSchulz& method);

}  // namespace dropmuon
