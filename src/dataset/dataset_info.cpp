// SPDX-License-Identifier: MIT
#include <fmt/ranges.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/suggest.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/synthetic.h>

namespace dropmuon {

DatasetInfo dataset_info(const std::string& name) {
  if (name == "mnist" || name == "fashion-mnist") return {{28, 28, 1}, 10, 60000, 10000};
  if (name == "cifar10") return {{32, 32, 3}, 10, 50000, 10000};
  if (name == "synthetic") return {kSyntheticImage, 10, kSyntheticTrain, kSyntheticTest};
  const auto& names = dataset_names();
  fail(ExitCode::bad_config, "data.dataset: expected one of {}, found '{}'{}",
       fmt::join(names, ", "), name, did_you_mean(name, names));
}

}  // namespace dropmuon
