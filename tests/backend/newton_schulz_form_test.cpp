// SPDX-License-Identifier: MIT
// What Newton-Schulz decides before it begins: sides, restarts, operations, the cheaper form.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "catch.h"
#include <dropmuon/backend/newton_schulz_form.h>
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

constexpr auto kStandard = NewtonSchulzForm::standard;
constexpr auto kGram = NewtonSchulzForm::gram;

DirectionItem matrix(int rows, int cols) { return {.rows = rows, .cols = cols}; }

NewtonSchulz method(int steps, const std::vector<int>& restarts = {2}) {
  return {.steps = std::vector<Quintic>(static_cast<std::size_t>(steps)), .restarts = restarts};
}

// Counts the products of the formulas one by one: X <- (a I + b A + c A^2) X with A = X X^T.
double counted(double n, double m, const NewtonSchulz& method, NewtonSchulzForm form) {
  const double own = n * n * m;          // X X^T, of which half is computed
  const double square = n * n * n;       // of two polynomials of R, likewise
  const double moved = 2.0 * n * n * m;  // Q X
  const int steps = static_cast<int>(method.steps.size());
  if (form == kStandard) return steps * (own + square + moved);
  double sum = own + moved;
  bool fresh = true;  // Q is still Z + a I
  for (int i = 0; i < steps; ++i) {
    if (restarts_before(method, i)) {
      sum += moved + own;
      fresh = true;
    }
    sum += square + (fresh ? 0.0 : square);                                     // Z, Q
    if (i + 1 < steps && !restarts_before(method, i + 1)) sum += 2.0 * square;  // T, R
    fresh = false;
  }
  return sum;
}

struct Row {  // of the tables in docs/kernel_costs.md, in millions of operations
  int rows = 0;
  int cols = 0;
  std::string standard;  // with full products
  std::string symmetric;
  std::string ours;
};

// The rows with a matrix between the marks of the two tables of Newton-Schulz.
std::vector<Row> documented() {
  std::ifstream page(DROPMUON_SOURCE_DIR "/docs/kernel_costs.md");
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("<!--")) inside = line.starts_with("<!-- costs: newton-schulz");
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, '|');) cells.push_back(cell);
    std::istringstream sides(cells.size() > 6 ? cells[2] : "");
    Row row;
    char by = ' ';
    if (!inside || !(sides >> row.rows >> by >> row.cols)) continue;
    const auto number = [](std::string cell) {
      std::erase_if(cell, [](char c) { return c == ' ' || c == ','; });
      return cell;
    };
    row.standard = number(cells[3]);
    row.symmetric = number(cells[4]);
    row.ours = number(cells[6]);
    rows.push_back(row);
  }
  return rows;
}

std::string millions(double flops) { return fmt::format("{:.2f}", flops / 1e6); }

}  // namespace

TEST_CASE("newton_schulz_form: a tall matrix is seen as its transpose") {
  for (const auto& [rows, cols] : {std::pair{3, 7}, {7, 3}}) {
    CHECK(short_side(matrix(rows, cols)) == 3);
    CHECK(long_side(matrix(rows, cols)) == 7);
    CHECK(chosen_form(matrix(rows, cols), method(5)) == kGram);
  }
}

TEST_CASE("newton_schulz_form: restarts are before steps that follow another, each once") {
  const NewtonSchulz five = method(5, {0, 2, 4, 2, 5, 9, -1});
  std::vector<int> found;
  for (int step = -1; step < 12; ++step) {
    if (restarts_before(five, step)) found.push_back(step);
  }
  CHECK(found == std::vector<int>{2, 4});
  CHECK(restart_count(five) == 2);
  CHECK(restart_count(method(2)) == 0);
  CHECK(restart_count(method(5, {})) == 0);
}

TEST_CASE("newton_schulz_form: operations are those of the products, counted one by one") {
  for (const auto& [rows, cols] : {std::pair{64, 9}, {128, 576}, {31, 33}, {64, 64}, {1, 5}}) {
    for (const int steps : {1, 2, 5, 8}) {
      for (const std::vector<int>& restarts : {std::vector<int>{}, {2}, {1, 3}, {2, 5}}) {
        CAPTURE(rows, cols, steps, restarts);
        const DirectionItem item = matrix(rows, cols);
        const NewtonSchulz m = method(steps, restarts);
        for (const NewtonSchulzForm form : {kStandard, kGram}) {
          const double expected = counted(short_side(item), long_side(item), m, form);
          CHECK(newton_schulz_flops(item, m, form) == Approx(expected).epsilon(1e-12));
        }
      }
    }
  }
  const DirectionItem tall = matrix(576, 128);
  const double cube = 128.0 * 128.0 * 128.0;
  CHECK(newton_schulz_flops(tall, method(5), kStandard) == 5 * (3 * 4.5 + 1) * cube);
  CHECK(newton_schulz_flops(tall, method(5), kGram) == (4 * 5 + 6 * 4.5 - 6) * cube);
  CHECK_THROWS_AS(newton_schulz_flops(matrix(2, 2), method(5), NewtonSchulzForm::automatic), Error);
}

TEST_CASE("newton_schulz_form: automatic is the cheaper form, of equal ones the standard") {
  CHECK(chosen_form(matrix(128, 576), method(5)) == kGram);
  CHECK(chosen_form(matrix(64, 64), method(5)) == kStandard);  // equal for a square
  CHECK(chosen_form(matrix(64, 65), method(5)) == kGram);
  CHECK(chosen_form(matrix(10, 1000), method(1)) == kStandard);          // equal for one step
  CHECK(chosen_form(matrix(10, 1000), method(3, {1, 2})) == kStandard);  // X is moved as often
  NewtonSchulz fixed = method(5);
  for (const NewtonSchulzForm form : {kStandard, kGram}) {
    fixed.form = form;
    CHECK(chosen_form(matrix(128, 576), fixed) == form);
    CHECK(chosen_form(matrix(64, 64), fixed) == form);
  }
}

// scripts/dev/step_costs.py has formulas of its own; scripts/dev/kernel_costs.py --check holds the
// page to them, and this holds the page to the program.
TEST_CASE("newton_schulz_form: the operations in docs/kernel_costs.md are the program's") {
  const std::vector<Row> rows = documented();
  REQUIRE(rows.size() == 8);
  for (const Row& row : rows) {
    CAPTURE(row.rows, row.cols);
    const DirectionItem item = matrix(row.rows, row.cols);
    const double n = short_side(item);
    CHECK(row.standard == millions(5 * (4.0 * n * n * long_side(item) + 2.0 * n * n * n)));
    CHECK(row.symmetric == millions(newton_schulz_flops(item, method(5), kStandard)));
    const NewtonSchulzForm form = chosen_form(item, method(5));
    CHECK(row.ours == millions(newton_schulz_flops(item, method(5), form)));
  }
}
