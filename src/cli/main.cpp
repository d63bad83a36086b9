// SPDX-License-Identifier: MIT
// The command line: words to functions, errors to one line and an exit code.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

#include <dropmuon/core/log.h>
#include <dropmuon/core/suggest.h>
#include <dropmuon/runner/provenance.h>

#include "commands.h"

namespace dropmuon {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 2 usage, 65 bad data, 66 input missing, 69 device not available, 70 "
    "internal error or out of memory, 73 cannot write, 75 stopped by a signal, 76 diverged, 78 bad "
    "configuration.";

struct Options {
  ConfigArguments config;
  BenchArguments bench;
  std::string data_name;
  std::string data_root = "data";
  bool json = false;
  bool quiet = false;
};

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& help,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, help);
  command->footer("Example: " + example);
  return command;
}

void add_config(CLI::App* command, ConfigArguments& arguments, const std::string& what) {
  command->add_option(what == "CONFIG" ? "config" : "run", arguments.config,
                      what == "CONFIG" ? "YAML file; configs/reference.yaml lists every key"
                                       : "run folder, e.g. runs/NAME/STAMP")
      ->required()
      ->type_name(what);
  command->add_option("overrides", arguments.overrides, "dotted keys, e.g. optimizer.lr=0.05")
      ->type_name("KEY=VALUE");
}

void build(CLI::App& app, Options& options) {
  app.description(
      "Train neural networks with Drop-Muon: draw layers, backpropagate only to the first of them, "
      "move only them.");
  app.set_version_flag("--version", program_version());
  app.footer(kExitCodes);
  app.require_subcommand(1);
  CLI::App* train = add_command(app, "train", "Train and write a run folder",
                                "dropmuon train configs/mnist/drop_muon.yaml optimizer.lr=0.05");
  add_config(train, options.config, "CONFIG");
  train->add_flag("-q,--quiet", options.quiet, "No progress; the run folder has everything");
  CLI::App* eval = add_command(app, "eval", "Evaluate the weights of a run folder",
                               "dropmuon eval runs/mnist-drop-muon/20261122T101500Z-1a2b3c4d");
  add_config(eval, options.config, "RUN");
  CLI::App* plan =
      add_command(app, "plan", "Shapes, FLOPs, cost per start layer, memory; trains nothing",
                  "dropmuon plan configs/fashion-mnist/paper.yaml");
  add_config(plan, options.config, "CONFIG");
  CLI::App* bench = add_command(app, "bench", "Measure a step for every start layer",
                                "dropmuon bench configs/fashion-mnist/muon.yaml --rounds 9");
  add_config(bench, options.bench.config, "CONFIG");
  bench->add_option("--rounds", options.bench.rounds, "Timed rounds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bench->add_option("--warmup", options.bench.warmup, "Full steps before timing")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  for (CLI::App* command : {eval, plan, bench}) {
    command->add_flag("--json", options.json, "Print JSON");
  }
  CLI::App* data = add_command(app, "data", "Check the data sets: counts and hashes",
                               "dropmuon data fashion-mnist");
  data->add_option("name", options.data_name, "One data set; all if left out");
  data->add_option("--root", options.data_root, "Folder of data sets")->capture_default_str();
  CLI::App* config = add_command(app, "config", "Show configurations",
                                 "dropmuon config show configs/mnist/muon.yaml train.epochs=3");
  config->require_subcommand(1);
  CLI::App* show = add_command(*config, "show", "Print a configuration, every value resolved",
                               "dropmuon config show configs/mnist/muon.yaml optimizer.lr=0.05");
  add_config(show, options.config, "CONFIG");
  add_command(*config, "reference", "Print every key, its default and meaning",
              "dropmuon config reference > configs/reference.yaml");
  add_command(app, "info", "Print version, devices, libraries and the measured peak",
              "dropmuon info");
}

ExitCode dispatch(const CLI::App& app, const Options& options,
                  const std::vector<std::string>& words) {
  const OutputFormat format = options.json ? OutputFormat::json : OutputFormat::text;
  const std::string name = app.get_subcommands().front()->get_name();
  if (name == "train") {
    if (options.quiet) log::set_level(log::Level::warning);
    return command_train(options.config, words);
  }
  if (name == "eval") return command_eval(options.config, format);
  if (name == "plan") return command_plan(options.config, format);
  if (name == "bench") return command_bench(options.bench, format);
  if (name == "data") return command_data(options.data_name, options.data_root);
  if (name == "info") return command_info();
  const CLI::App* config = app.get_subcommand("config");
  const bool show = config->get_subcommands().front()->get_name() == "show";
  return show ? command_config_show(options.config) : command_config_reference();
}

// The (sub)command that was being parsed when parsing failed.
const CLI::App* deepest(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

// CLI11 names the unknown word but not the one that was meant.
std::string suggestion(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = deepest(&app);
  std::vector<std::string> known;
  for (const CLI::App* sub : command->get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(sub->get_name());
  }
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = words[i].substr(0, words[i].find('='));
    const bool candidate = word.starts_with("--") ||
                           command->get_subcommands([](const CLI::App*) { return true; }).size() > 0;
    const bool exact = std::find(known.begin(), known.end(), word) != known.end();
    if (!candidate || exact || command->get_name() == word) continue;
    const std::string best = closest(word, known);
    if (!best.empty()) return fmt::format("; did you mean '{}' for '{}'?", best, word);
  }
  return "";
}

int report(const std::string& message, ExitCode code) {
  std::fprintf(stderr, "dropmuon: %s\n", message.c_str());
  return static_cast<int>(code);
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  CLI::App app("", "dropmuon");
  Options options;
  build(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return report(fmt::format("{}{} (see dropmuon --help)", message, suggestion(app, words)),
                  ExitCode::usage);
  }
  try {
    return static_cast<int>(dispatch(app, options, words));
  } catch (const Error& error) {
    return report(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return report("out of memory; a smaller train.micro_batch or data.train_limit helps",
                  ExitCode::internal);
  } catch (const std::exception& error) {
    return report(fmt::format("internal error: {}", error.what()), ExitCode::internal);
  }
}

}  // namespace
}  // namespace dropmuon

int main(int argc, char** argv) { return dropmuon::run(argc, argv); }
