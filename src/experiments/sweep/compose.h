// SPDX-License-Identifier: MIT
// Puts the configuration of a job together: base, then settings, then overrides.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition.h"
#include <dropmuon/config/config.h>

namespace dropmuon {

// Where a sweep was read from, for messages.
struct SweepSource {
  std::string path;
  std::string text;
};

class SweepComposer {
 public:
  // Throws Error(missing_input) for a base that is not there, Error(bad_config) for one that is
  // wrong.
  SweepComposer(const SweepSource& source, const SweepDefinition& definition,
                const std::vector<std::string>& overrides);

  // With name and runs_dir of the sweep, which overrides may change. Throws TextError for settings
  // that are wrong together, Error(bad_config) for a wrong override.
  RunConfig compose(const SweepBase& base, const std::vector<SweepSetting>& settings,
                    const std::string& job) const;

 private:
  std::string file_of(const SweepBase& base) const;
  void load(const SweepBase& base);

  const SweepSource& source_;
  const SweepDefinition& definition_;
  const std::vector<std::string>& overrides_;
  std::map<std::string, RunConfig> bases_;  // by file
};

}  // namespace dropmuon
