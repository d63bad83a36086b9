// SPDX-License-Identifier: MIT
// Run folders, read. Whatever is written there may be damaged: nothing is believed that a second
// place in the folder contradicts.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/core/sha256.h>
#include <dropmuon/core/text.h>
#include <dropmuon/experiments/compare.h>
#include <dropmuon/runner/idle_layers.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

[[noreturn]] void fail_run(const std::string& folder, const std::string& file,
                           const std::string& what) {
  fail(ExitCode::bad_data, "bad run folder {}: {}: {}{}", folder, file, what, kSkipAdvice);
}

// Reads the files of one folder and blames them.
class RunReader {
 public:
  explicit RunReader(const std::string& folder) { run_.folder = folder; }

  ComparedRun read() && {
    run_.status = read_status();
    read_config();
    read_provenance();
    read_metrics();
    read_summary();
    return std::move(run_);
  }

 private:
  [[noreturn]] void bad(const std::string& file, const std::string& what) const {
    fail_run(run_.folder, file, what);
  }

  std::string text_of(const std::string& file) const {
    const std::string path = run_.folder + "/" + file;
    if (!FileSystem::real().exists(path)) bad(file, "is missing");
    return FileSystem::real().read_file(path);
  }

  Json object_in(const std::string& file, const std::string& text, const std::string& where) const {
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) bad(file, where + "expected a JSON object; damaged or cut short?");
    return json;
  }

  std::string text_at(const std::string& file, const Json& json, const std::string& key) const {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_string()) bad(file, fmt::format("no text '{}'", key));
    return found->get<std::string>();
  }

  // How often something happened; not there: never.
  std::uint64_t count_at(const std::string& file, const Json& json, const std::string& key) const {
    const auto found = json.find(key);
    if (found == json.end()) return 0;
    if (!found->is_number_unsigned()) bad(file, fmt::format("no count '{}'", key));
    return found->get<std::uint64_t>();
  }

  // NaN for what was not finite when it was written.
  double number_at(const std::string& file, const Json& json, const std::string& key) const {
    const auto found = json.find(key);
    if (found != json.end() && found->is_null()) return std::nan("");
    if (found == json.end() || !found->is_number()) bad(file, fmt::format("no number '{}'", key));
    return found->get<double>();
  }

  RunStatus read_status() const {
    std::string status = text_of(run_files::kStatus);
    if (status.ends_with('\n')) status.pop_back();
    const std::optional<RunStatus> known = run_status_of(status);
    if (known && is_final(*known)) return *known;
    if (known == RunStatus::waiting)
      bad(run_files::kStatus, "says waiting: this job of a sweep has not begun");
    if (known == RunStatus::stopped) {
      bad(run_files::kStatus, fmt::format("says stopped; dropmuon train --resume {} goes on",
                                          shell_quoted(run_.folder)));
    }
    if (known == RunStatus::running)
      bad(run_files::kStatus, "says running: the run goes on still, or was killed");
    if (known == RunStatus::failed)
      bad(run_files::kStatus, "says failed; error.txt has the reason");
    bad(run_files::kStatus, fmt::format("expected done or diverged, found '{}'", one_line(status)));
  }

  void read_config();
  NamedValues machine_in(const std::string& file, const Json& json) const;
  RunOrigin origin_in(const std::string& file, const Json& json) const;
  void read_provenance();
  void read_resumes();
  void read_metrics();
  void add_row(const Json& json, std::size_t line);
  void read_summary();

  ComparedRun run_;
  ConfigHashes hashes_;
  MetricsRow last_row_;
};

void add_settings(const RunConfig& config, const std::string& section, NamedValues& out) {
  for (const std::string& name : config_schema().children(section)) {
    const std::string path = join_path(section, name);
    const ConfigKey* key = config_schema().find_key(path);
    const ConfigSection* child = config_schema().find_section(path);
    if (key != nullptr) {
      out.emplace_back(path, key->print(config));
    } else if (child != nullptr && child->present && !child->present(config)) {
      out.emplace_back(path, "null");
    } else {
      add_settings(config, path, out);
    }
  }
}

void RunReader::read_config() {
  const std::string text = text_of(run_files::kConfig);
  try {
    const RunConfig config = load_config(run_.folder + "/" + run_files::kConfig, {});
    hashes_ = config_hashes(config, text);
    run_.name = config.name;
    run_.seed = config.experiment.seed;
    run_.own_target = config.experiment.train.target;
    add_settings(config, "", run_.settings);
  } catch (const Error& error) {
    std::string message = error.what();
    message = message.substr(0, message.find('\n'));  // without the source line and the caret
    const std::string place = run_.folder + "/" + run_files::kConfig + ":";
    if (message.starts_with(place)) message = "line " + message.substr(place.size());
    bad(run_files::kConfig, message);
  }
}

NamedValues RunReader::machine_in(const std::string& file, const Json& json) const {
  const Json machine = json.value("machine", Json());
  const Json program = json.value("program", Json());
  if (!machine.is_object() || !program.is_object()) bad(file, "no objects machine and program");
  // A GPU has no number of threads.
  const std::string threads =
      machine.contains("threads") ? fmt::format("{:.0f}", number_at(file, machine, "threads")) : "";
  NamedValues facts = {{"device", text_at(file, machine, "device")},
                       {"name", text_at(file, machine, "name")},
                       {"threads", threads}};
  std::string libraries;
  const Json named = machine.value("libraries", Json::object());
  for (const auto& [name, version] : named.items()) {
    if (!version.is_string()) bad(file, "a library without a version");
    libraries += fmt::format("{}{} {}", libraries.empty() ? "" : ", ", name,
                             version.get_ref<const std::string&>());
  }
  facts.emplace_back("libraries", libraries);
  // Results of before it was noted have none.
  facts.emplace_back("vector instructions", machine.contains("instruction_set")
                                                ? text_at(file, machine, "instruction_set")
                                                : "");
  for (const char* key : {"version", "commit", "compiler", "build type", "instruction set"}) {
    facts.emplace_back(key, text_at(file, program, key));
  }
  for (auto& fact : facts) fact.second = one_line(fact.second);
  return facts;
}

RunOrigin RunReader::origin_in(const std::string& file, const Json& json) const {
  RunOrigin origin{.machine = machine_in(file, json)};
  const Json& machine = json.at("machine");
  if (machine.contains("host")) origin.host = text_at(file, machine, "host");
  const Json data = json.value("data", Json());
  if (data.is_object() && data.contains("sha256")) origin.data = data["sha256"].dump();
  if (data.is_object() && data.contains("verdict")) origin.verdict = text_at(file, data, "verdict");
  return origin;
}

// A line for each process that went on with the run. One without an end was killed while it wrote
// that, before it did anything.
void RunReader::read_resumes() {
  const std::string file = run_files::kResumes;
  if (!FileSystem::real().exists(run_.folder + "/" + file)) return;
  const std::string text = text_of(file);
  std::size_t line = 1;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string where = fmt::format("line {}: ", line++);
    run_.origins.push_back(
        origin_in(file, object_in(file, text.substr(begin, end - begin), where)));
    begin = end + 1;
  }
}

void RunReader::read_provenance() {
  const std::string file = run_files::kProvenance;
  const Json json = object_in(file, text_of(file), "");
  run_.origins = {origin_in(file, json)};
  read_resumes();
  // The hash of config.yaml's text was noted when it was written; of old, it was the only one.
  const char* name = json.contains("config_text_hash") ? "config_text_hash" : "config_hash";
  const std::string noted = text_at(file, json, name);
  if (noted != hashes_.of_text) {
    bad(run_files::kConfig,
        fmt::format("its hash is {}, but provenance.json has {}: damaged or edited",
                    hashes_.of_text, one_line(noted)));
  }
}

void RunReader::read_metrics() {
  const std::string text = text_of(run_files::kMetrics);
  run_.digest = sha256(hashes_.own + text);
  std::size_t line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = fmt::format("line {}: ", line);
    add_row(object_in(run_files::kMetrics, text.substr(begin, end - begin), where), line);
    begin = end + 1;
  }
  if (run_.evaluations.empty()) bad(run_files::kMetrics, "no row has a test accuracy");
  run_.final_accuracy = run_.evaluations.back()[Metric::test_accuracy];
  run_.best_accuracy = run_.final_accuracy;
  for (const MetricsRow& row : run_.evaluations) {
    run_.best_accuracy = std::max(run_.best_accuracy, row[Metric::test_accuracy]);
  }
  run_.end = costs_at(last_row_);
  const double steps = last_row_[Metric::step];
  if (steps > 0.0) run_.seconds_per_step = last_row_[Metric::train_seconds] / steps;
}

void RunReader::add_row(const Json& json, std::size_t line) {
  MetricsRow row;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!json.contains(name_of(metric))) continue;
    const double value = number_at(run_files::kMetrics, json, name_of(metric));
    if (!std::isnan(value)) row.set(metric, value);
  }
  for (const Metric metric :
       {Metric::step, Metric::samples, Metric::train_seconds, Metric::flops}) {
    // These count up; a row that went back would make a run look faster than it was.
    if (!row.has(metric) || row[metric] < 0.0 ||
        (last_row_.has(metric) && row[metric] < last_row_[metric])) {
      bad(run_files::kMetrics,
          fmt::format("line {}: '{}' is missing or goes back", line, name_of(metric)));
    }
  }
  last_row_ = row;
  if (row.has(Metric::test_accuracy)) run_.evaluations.push_back(row);
}

void RunReader::read_summary() {
  const std::string file = run_files::kSummary;
  const std::string text = text_of(file);
  const Json json = object_in(file, text, "");
  const auto demand = [&](const std::string& key, double expected) {
    const double found = number_at(file, json, key);
    if (found == expected) return;
    bad(file, fmt::format("'{}' is {:.9g}, but metrics.jsonl ends with {:.9g}: one of them is "
                          "damaged or cut short",
                          key, found, expected));
  };
  const std::string status = text_at(file, json, "status");
  if (status != name_of(run_.status)) {
    bad(file, fmt::format("its status is '{}', but STATUS says {}", one_line(status),
                          name_of(run_.status)));
  }
  demand("step", last_row_[Metric::step]);
  demand("time/train_s", last_row_[Metric::train_seconds]);
  demand("test/accuracy", run_.final_accuracy);
  run_.rollbacks = count_at(file, json, "rollbacks");
  run_.skipped_steps = count_at(file, json, "skipped_steps");
  const std::optional<std::string> idle = idle_layers_in(text);
  if (!idle) bad(file, "no lists of layers 'unmoved_layers', 'silent_layers', 'layer_updates'");
  run_.idle_layers = *idle;
  if (!run_.own_target || !json.contains("target/step")) return;
  const double step =
      costs_to_target(run_, *run_.own_target)[static_cast<std::size_t>(Cost::steps)];
  demand("target/step", step);
}

}  // namespace

ComparedRun read_run(const std::string& folder) { return RunReader(folder).read(); }

}  // namespace dropmuon
