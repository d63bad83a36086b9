// SPDX-License-Identifier: MIT
// Weights belong to the images they were trained on: later uses keep the constants of
// normalisation, and a run goes on with its own data or not at all.
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "idx_set.h"
#include "program.h"

using namespace dropmuon;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// Trains on a set of files of its own.
class Trained {
 public:
  Trained() {
    write_idx_set(sandbox / "data/mnist");
    config_ = sandbox.write("idx.yaml", fmt::format("name: small\nruns_dir: {0}/runs\n"
                                                    "data: {{dataset: mnist, root: {0}/data}}\n"
                                                    "model: {{channels: [4, 6]}}\n"
                                                    "train: {{epochs: 4, batch_size: 40}}\n",
                                                    sandbox / "."));
    const Outcome outcome = run_program("train -q " + config_);
    CAPTURE(outcome.output);
    REQUIRE(outcome.code == 0);
    run = sandbox.only_run();
  }
  Json eval(const std::string& arguments) const {
    const Outcome outcome = run_program("eval --json " + arguments);
    CAPTURE(arguments, outcome.output);
    REQUIRE(outcome.code == 0);
    return Json::parse(outcome.output.substr(outcome.output.find('{')));
  }
  void set_status(const std::string& word) const { std::ofstream(run + "/STATUS") << word << "\n"; }
  std::string status() const { return Sandbox::read(run + "/STATUS"); }
  const std::string& config() const { return config_; }

  const Sandbox sandbox;
  std::string run;

 private:
  std::string config_;
};

std::string constants_of(const std::string& weights) {
  const std::string text = Sandbox::read(weights);
  const std::size_t begin = text.find("\"normalization.");
  return begin == std::string::npos ? "" : text.substr(begin, text.find('}', begin) - begin);
}

void drop_constants(const std::string& weights) {
  std::string bytes = Sandbox::read(weights);
  for (const char* key :
       {"normalization.mean", "normalization.inverse_std", "normalization.crc32c"}) {
    const std::size_t at = bytes.find(key);
    REQUIRE(at != std::string::npos);
    bytes[at] = 'x';
  }
  std::ofstream(weights, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("eval normalises as in training, whatever the training images are now") {
  const Trained trained;
  const std::string other = " data.root=" + (trained.sandbox / "other");
  write_idx_set(trained.sandbox / "other/mnist", {.brighter = 90});
  for (const std::string part :
       {"", "/weights.safetensors", "/checkpoints/latest", "/checkpoints/step_00000020",
        "/checkpoints/step_00000020/weights.safetensors"}) {
    CAPTURE(part);
    const std::string path = trained.run + part;
    const Json loss = trained.eval(path).at("test/loss");
    CHECK(trained.eval(path + other).at("test/loss") == loss);
    // A batch that the training images do not fill is no matter here.
    CHECK(trained.eval(path + " data.train_limit=1").at("test/loss") == loss);
    CHECK(trained.eval(path + " data.train_limit=1 train.batch_size=1").at("test/loss") == loss);
  }
  const std::string told = "are not those that the weights were trained on";
  CHECK_THAT(run_program("eval " + trained.run + other).output, Catch::Contains(told));
  CHECK_THAT(run_program("eval " + trained.run).output, !Catch::Contains("warning"));
  write_idx_set(trained.sandbox / "other/mnist", {.test = 30});  // other test images only
  CHECK_THAT(run_program("eval " + trained.run + other).output, !Catch::Contains("warning"));
}

TEST_CASE("a limit that leaves all training images there are is no other data") {
  const Trained trained;
  for (const char* limit : {"null", "200", "201", "1000000"}) {
    const Outcome outcome = run_program("eval " + trained.run + " data.train_limit=" + limit);
    CAPTURE(limit, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, !Catch::Contains("warning"));
  }
  CHECK_THAT(run_program("eval " + trained.run + " data.train_limit=199").output,
             Catch::Contains("are not those that the weights were trained on"));
}

TEST_CASE("eval does without the training images where the weights have their constants") {
  const Trained trained;
  const std::string data = trained.sandbox / "data/mnist/";
  const Json loss = trained.eval(trained.run).at("test/loss");
  const auto check_test_alone = [&](const std::string& missing) {
    const Outcome outcome = run_program("eval " + trained.run);
    CAPTURE(missing, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output,
               Catch::Contains("data/mnist/" + missing + " is missing: no numbers of the") &&
                   Catch::Contains("\ntest          loss ") && !Catch::Contains("train sample"));
    CHECK_THAT(outcome.output, !Catch::Contains("are not those"));
    const Json numbers = trained.eval(trained.run);
    CHECK(numbers.at("test/loss") == loss);
    CHECK(numbers.at("train/loss").is_null());
    CHECK(numbers.at("train/accuracy").is_null());
  };
  fs::remove(data + "train-labels-idx1-ubyte");
  check_test_alone("train-labels-idx1-ubyte");
  fs::remove(data + "train-images-idx3-ubyte");
  check_test_alone("train-images-idx3-ubyte");
  std::ofstream(data + "train-images-idx3-ubyte") << "damaged";  // is no reason to go on
  std::ofstream(data + "train-labels-idx1-ubyte") << "damaged";
  CHECK(run_program("eval " + trained.run).code == 65);
  fs::remove(data + "train-images-idx3-ubyte");
  fs::remove(data + "t10k-images-idx3-ubyte");
  CHECK(run_program("eval " + trained.run).code == 66);
  CHECK(run_program("train " + trained.config()).code == 66);
}

TEST_CASE("train.init_from keeps the constants of the weights, and says so") {
  const Trained trained;
  write_idx_set(trained.sandbox / "other/mnist", {.brighter = 90});
  const std::string next = trained.sandbox / "next";
  const Outcome outcome =
      run_program("train " + trained.config() + " data.root=" + (trained.sandbox / "other") +
                  " runs_dir=" + next + " train.max_steps=3 train.init_from=" + trained.run);
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("images are normalised as for these weights: mean "));
  const std::string folder = fs::directory_iterator(next + "/small")->path().string();
  const std::string metrics = Sandbox::read(folder + "/metrics.jsonl");
  CHECK(Json::parse(metrics.substr(0, metrics.find('\n'))).at("test/loss") ==
        trained.eval(trained.run).at("test/loss"));
  // What comes of it belongs to the same constants, and so does what goes on from there.
  const std::string constants = constants_of(trained.run + "/weights.safetensors");
  REQUIRE_FALSE(constants.empty());
  CHECK(constants_of(folder + "/weights.safetensors") == constants);
  std::ofstream(folder + "/STATUS") << "stopped\n";
  fs::remove(folder + "/weights.safetensors");
  REQUIRE(run_program("train -q --resume " + folder).code == 0);
  CHECK(constants_of(folder + "/weights.safetensors") == constants);
}

TEST_CASE("weights without constants are evaluated with those of the images, and eval says so") {
  const Trained trained;
  const std::string weights = trained.run + "/weights.safetensors";
  const Json loss = trained.eval(trained.run).at("test/loss");
  drop_constants(weights);
  CHECK(trained.eval(trained.run).at("test/loss") == loss);
  CHECK_THAT(run_program("eval " + trained.run).output, !Catch::Contains("warning"));
  write_idx_set(trained.sandbox / "other/mnist", {.brighter = 90});
  CHECK_THAT(
      run_program("eval " + trained.run + " data.root=" + (trained.sandbox / "other")).output,
      Catch::Contains("does not say how its images were normalised") &&
          Catch::Contains("are others"));
  fs::remove(trained.run + "/provenance.json");
  CHECK_THAT(run_program("eval " + trained.run).output, Catch::Contains("may be others"));
  fs::remove(trained.sandbox / "data/mnist/train-images-idx3-ubyte");
  CHECK(run_program("eval " + trained.run).code == 66);  // nothing to normalise by
}

TEST_CASE("resume refuses other data, leaves the run as it is, and goes on when they are back") {
  const Trained trained;
  const std::string data = trained.sandbox / "data/mnist";
  struct Change {
    IdxSet set;
    std::string file;
  };
  for (const Change& change : {Change{{.brighter = 90}, "train-images-idx3-ubyte"},
                               Change{{.train = 120}, "train-labels-idx1-ubyte"},
                               Change{{.test = 30}, "t10k-images-idx3-ubyte"},
                               Change{{.height = 16, .width = 4}, "train-images-idx3-ubyte"}}) {
    for (const std::string status : {"stopped", "running", "failed"}) {
      write_idx_set(data, change.set);
      trained.set_status(status);
      const std::string log = Sandbox::read(trained.run + "/log.txt");
      const Outcome outcome = run_program("train --resume " + trained.run);
      CAPTURE(change.file, status, outcome.output);
      CHECK(outcome.code == 65);
      CHECK_THAT(outcome.output, Catch::Contains(change.file + " (SHA-256 ") &&
                                     Catch::Contains("put the old ones back") &&
                                     Catch::Contains("train.init_from"));
      CHECK(trained.status() == status + "\n");
      CHECK(Sandbox::read(trained.run + "/log.txt") == log);
      CHECK_FALSE(fs::exists(trained.run + "/error.txt"));
      CHECK(fs::exists(trained.run + "/weights.safetensors"));
    }
  }
  fs::rename(data, data + ".away");
  CHECK(run_program("train --resume " + trained.run).code == 66);
  CHECK(trained.status() == "failed\n");
  write_idx_set(data);
  const Outcome back = run_program("train --resume " + trained.run);
  CAPTURE(back.output);
  CHECK(back.code == 0);
  CHECK_THAT(back.output, !Catch::Contains("warning"));
  CHECK(trained.status() == "done\n");
}

TEST_CASE("a run that noted no hashes goes on with a warning") {
  const Trained trained;
  Json provenance = Json::parse(Sandbox::read(trained.run + "/provenance.json"));
  provenance["data"].erase("sha256");
  std::ofstream(trained.run + "/provenance.json") << provenance.dump();
  trained.set_status("stopped");
  const Outcome outcome = run_program("train --resume " + trained.run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("warning: " + trained.run +
                                             ": no SHA-256 of the data files was noted"));
}

TEST_CASE("a run whose first notes are gone is held to those of its resumes, else a warning") {
  const Trained trained;
  const std::string notes = trained.run + "/provenance.json";
  trained.set_status("stopped");
  REQUIRE(run_program("train -q --resume " + trained.run).code == 0);
  write_idx_set(trained.sandbox / "data/mnist", {.brighter = 90});
  for (const std::string text : {"", "{\"data\": 5}", "no JSON"}) {
    fs::remove(notes);
    if (!text.empty()) std::ofstream(notes) << text;
    trained.set_status("stopped");
    const Outcome outcome = run_program("train --resume " + trained.run);
    CAPTURE(text, outcome.output);
    CHECK(outcome.code == 65);
    CHECK_THAT(outcome.output, Catch::Contains("put the old ones back"));
  }
  fs::remove(notes);
  fs::remove(trained.run + "/provenance_resume.jsonl");
  const Outcome outcome = run_program("train --resume " + trained.run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("no SHA-256 of the data files was noted"));
}

TEST_CASE("weights without constants are gone on from with a warning") {
  const Trained trained;
  const std::string words = "does not say how its images were normalised: as these";
  const std::string command = "train " + trained.config() +
                              " runs_dir=" + (trained.sandbox / "next") +
                              " train.max_steps=1 train.init_from=" + trained.run;
  CHECK_THAT(run_program(command).output, !Catch::Contains(words));
  drop_constants(trained.run + "/weights.safetensors");
  const Outcome outcome = run_program(command);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("warning: ") && Catch::Contains(words));
}

TEST_CASE("how threads wait and are bound is no other machine") {
  const Trained trained;
  trained.set_status("stopped");
  const Outcome outcome = run_script("OMP_PROC_BIND=true OMP_WAIT_POLICY=active " + program() +
                                     " train --resume " + trained.run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, !Catch::Contains("elsewhere"));
}

TEST_CASE("resume tells once what is different from the machine and program before") {
  const Trained trained;
  Json provenance = Json::parse(Sandbox::read(trained.run + "/provenance.json"));
  const int threads = provenance["machine"]["threads"];
  provenance["machine"]["threads"] = 97;
  provenance["machine"]["name"] = "Zilog Z80";
  provenance["machine"]["libraries"]["oneDNN"] = "0.1";
  provenance["machine"]["host"] = "elsewhere";
  provenance["machine"]["of_old"] = "a fact that is noted no more";
  provenance["program"]["commit"] = "0123456789ab";
  std::ofstream(trained.run + "/provenance.json") << provenance.dump();
  trained.set_status("stopped");
  const Outcome outcome = run_program("train --resume " + trained.run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  for (const std::string& words : std::vector<std::string>{
           "goes on elsewhere", fmt::format("threads: 97 then, {} now", threads),
           "name: Zilog Z80 then, ", "oneDNN: 0.1 then, ", "commit: 0123456789ab then, "}) {
    CHECK_THAT(outcome.output, Catch::Contains(words));
  }
  CHECK_THAT(outcome.output, !Catch::Contains("host") && !Catch::Contains("of_old"));
  trained.set_status("stopped");  // now on the same machine as last time
  CHECK_THAT(run_program("train --resume " + trained.run).output, !Catch::Contains("elsewhere"));
}
