// SPDX-License-Identifier: MIT
// The command line: words to functions, errors to one line and an exit code.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "commands.h"
#include "compare_command.h"
#include "signals.h"
#include "sweep_command.h"
#include <dropmuon/config/config.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/path_text.h>
#include <dropmuon/core/suggest.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/provenance.h>

namespace dropmuon {
namespace {

std::string exit_codes_text() {
  std::string text = "Exit codes:";
  for (const auto& [code, meaning] : exit_codes()) {
    text += fmt::format("\n  {:<4}{}", static_cast<int>(code), meaning);
  }
  return text + fmt::format("\n  {}, {}, {}  second signal", kSignalledExit + SIGHUP,
                            kSignalledExit + SIGINT, kSignalledExit + SIGTERM);
}

struct Options {
  ConfigArguments config;
  BenchArguments bench;
  CompareArguments compare;
  SweepArguments sweep;
  std::string resume;
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

enum class Positional { config, run };

void add_config(CLI::App* command, ConfigArguments& arguments, Positional what) {
  const bool is_config = what == Positional::config;
  command
      ->add_option(is_config ? "config" : "run", arguments.path,
                   is_config
                       ? "YAML file; configs/reference.yaml lists every key"
                       : "run folder, e.g. runs/NAME/STAMP, or in it a checkpoint or weights file")
      ->required()
      ->type_name(is_config ? "CONFIG" : "RUN")
      ->transform(expanded_path);
  command->add_option("overrides", arguments.overrides, "dotted keys, e.g. optimizer.lr=0.05")
      ->type_name("KEY=VALUE");
}

void build(CLI::App& app, Options& options) {
  app.description(
      "Train neural networks with Drop-Muon: draw layers, backpropagate only to the first of them, "
      "move only them.");
  app.set_version_flag("--version", program_version());
  app.footer(exit_codes_text());
  app.require_subcommand(1);
  CLI::App* train = add_command(app, "train", "Train and write a run folder",
                                "dropmuon train configs/mnist/drop_muon.yaml optimizer.lr=0.05");
  add_config(train, options.config, Positional::config);
  train->get_option("config")->required(false);
  train->add_option("--resume", options.resume, "Go on with a run folder, or the latest of CONFIG")
      ->type_name("RUN|latest")
      ->transform(expanded_path);
  train->add_flag("-q,--quiet", options.quiet, "No progress; the run folder has everything");
  CLI::App* eval = add_command(app, "eval", "Evaluate the weights of a run folder",
                               "dropmuon eval runs/mnist-drop-muon/20261122T101500Z-1a2b3c4d");
  add_config(eval, options.config, Positional::run);
  CLI::App* plan =
      add_command(app, "plan", "Shapes, FLOPs, cost per start layer, memory; trains nothing",
                  "dropmuon plan configs/fashion-mnist/paper.yaml");
  add_config(plan, options.config, Positional::config);
  CLI::App* bench = add_command(app, "bench", "Measure a step for every start layer",
                                "dropmuon bench configs/fashion-mnist/muon.yaml --rounds 9");
  add_config(bench, options.bench.config, Positional::config);
  bench->add_option("--rounds", options.bench.rounds, "Timed rounds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bench->add_option("--warmup", options.bench.warmup, "Full steps before timing")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  for (CLI::App* command : {eval, plan, bench}) {
    command->add_flag("--json", options.json, "Print JSON");
  }
  add_sweep(app, options.sweep);
  add_compare(app, options.compare);
  CLI::App* data = add_command(app, "data", "Check the data sets: counts and hashes",
                               "dropmuon data fashion-mnist");
  data->add_option("name", options.data_name, "One data set; all if left out");
  data->add_option("--root", options.data_root, "Folder of data sets")
      ->capture_default_str()
      ->transform(expanded_path);
  CLI::App* config = add_command(app, "config", "Show configurations",
                                 "dropmuon config show configs/mnist/muon.yaml train.epochs=3");
  config->require_subcommand(1);
  CLI::App* show = add_command(*config, "show", "Print a configuration, every value resolved",
                               "dropmuon config show configs/mnist/muon.yaml optimizer.lr=0.05");
  add_config(show, options.config, Positional::config);
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
    const Verbosity verbosity = options.quiet ? Verbosity::quiet : Verbosity::normal;
    if (!options.resume.empty()) {
      return command_resume(options.resume, options.config, words, verbosity);
    }
    if (options.config.path.empty()) fail(ExitCode::usage, "train needs a CONFIG or --resume");
    return command_train(options.config, words, verbosity);
  }
  if (name == "eval") return command_eval(options.config, format);
  if (name == "plan") return command_plan(options.config, format);
  if (name == "bench") return command_bench(options.bench, format);
  if (name == "sweep") return command_sweep(options.sweep);
  if (name == "compare") return command_compare(options.compare);
  if (name == "data") return command_data(options.data_name, options.data_root);
  if (name == "info") return command_info();
  const CLI::App* config = app.get_subcommand("config");
  const bool show = config->get_subcommands().front()->get_name() == "show";
  return show ? command_config_show(options.config) : command_config_reference();
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// CLI11 asks for a subcommand when it is given a misspelt one; this names the word. "" if the
// commands at the front of `words` are known ones.
std::string unknown_command(const CLI::App& app, std::span<const std::string> words) {
  const std::vector<std::string> names = names_of(app);
  if (words.empty() || names.empty() || words[0].starts_with("-")) return "";
  if (std::find(names.begin(), names.end(), words[0]) != names.end()) {
    return unknown_command(*app.get_subcommand(words[0]), words.subspan(1));
  }
  return fmt::format("unknown command '{}', expected one of {}{}", words[0], fmt::join(names, ", "),
                     did_you_mean(words[0], names));
}

// A key written as a flag, as other programs have it: "; did you mean train.epochs=3?".
std::string key_suggestion(const std::string& word, const std::string& next) {
  const std::size_t equals = word.find('=');
  const std::size_t begin = std::min(word.find_first_not_of('-'), word.size());
  const std::string key = key_meant_by(word.substr(begin, equals - begin));
  if (key.empty()) return "";
  std::string value = next.empty() || next.starts_with("-") ? "VALUE" : next;
  if (equals != std::string::npos) value = word.substr(equals + 1);
  return fmt::format("; did you mean {}?", shell_quoted(key + "=" + value));
}

// What was meant by the first unknown flag, as "; did you mean '--rounds'?".
std::string flag_suggestion(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  std::vector<std::string> flags;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  const bool takes_keys = command->get_option_no_throw("overrides") != nullptr;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string flag = words[i].substr(0, words[i].find('='));
    const bool known = std::find(flags.begin(), flags.end(), flag) != flags.end();
    if (!flag.starts_with("-") || flag.size() < 3 || known) continue;
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    const std::string key = takes_keys ? key_suggestion(words[i], next) : "";
    if (!key.empty()) return key;
    if (flag.starts_with("--")) return did_you_mean(flag, flags);
  }
  return "";
}

int report(const std::string& message, ExitCode code) {
  std::fprintf(stderr, "dropmuon: %s\n", message.c_str());
  return static_cast<int>(code);
}

// Of what others say; an Error has seen to it.
int report_line(const std::string& message, ExitCode code) {
  return report(controls_named(message), code);
}

// If the program was started without its standard streams, the first files that it opens would get
// their numbers, and then the messages. Whoever closes standard output wants nothing of it.
void open_standard_streams() {
  int file = 0;
  while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDWR);
  if (file >= 0) close(file);
}

// Nothing in this program ends it with 1. GCC's OpenMP runtime does, and says why, where it cannot
// start a thread that it could start before.
void answer_for_libraries(int code, void* /*unused*/) {
  if (code != EXIT_FAILURE) return;
  std::fputs("dropmuon: a library ended the program, for the reason above\n", stderr);
  _exit(static_cast<int>(ExitCode::internal));
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  CLI::App app("", "dropmuon");
  Options options;
  build(app, options);
  const std::string unknown = unknown_command(app, std::span(words).subspan(1));
  if (!unknown.empty()) return report_line(unknown, ExitCode::usage);
  try {
    app.parse(argc, argv);
  } catch (const Error& error) {  // of an argument's transformation
    return report(error.what(), error.code());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return report_line(
        fmt::format("{}{} (see dropmuon --help)", message, flag_suggestion(app, words)),
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
    return report_line(fmt::format("internal error: {}", error.what()), ExitCode::internal);
  }
}

}  // namespace
}  // namespace dropmuon

int main(int argc, char** argv) {
  dropmuon::open_standard_streams();
  on_exit(dropmuon::answer_for_libraries, nullptr);
  dropmuon::ignore_file_size_signal();
  return dropmuon::run(argc, argv);
}
