// SPDX-License-Identifier: MIT
// What the store of checkpoints keeps, removes, refuses and says.
#include <functional>

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "checkpoint_fixture.h"
#include "faulty_file_system.h"
#include <dropmuon/core/sha256.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

struct Refusal {
  ExitCode code = ExitCode::ok;
  std::string text;
};

Refusal refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return {error.code(), error.what()};
  }
  return {};
}

using Steps = std::vector<std::int64_t>;

std::string swapped(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("checkpoints: what was saved is loaded, to the bit") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 2);
  CHECK_FALSE(store.load_newest("").has_value());
  CHECK_FALSE(fs::exists(run.checkpoints()));
  CHECK(store.steps().empty());
  Checkpoint odd = make_checkpoint(123'456'789);
  odd.state = "{\"x\": 1}\n";
  odd.weights[0].values = std::vector<float>(21, -0.0F);
  odd.optimizer.clear();
  for (const Checkpoint& checkpoint : {make_checkpoint(0), make_checkpoint(12), odd}) {
    store.save(checkpoint);
    const auto loaded = store.load_newest(checkpoint.config_hash);
    REQUIRE(loaded.has_value());
    CHECK(same(loaded->checkpoint, checkpoint));
    CHECK(loaded->damaged.empty());
    CHECK(same(store.load(loaded->folder), checkpoint));
    const std::string name = fs::path(loaded->folder).filename();
    CHECK(slurp(run / "checkpoints/latest") == name + "\n");
  }
  CHECK(store.steps() == Steps{12, 123'456'789});
  CHECK(fs::exists(run / "checkpoints/step_00000012/state.json"));
  CHECK(refusal([&] { store.load(run / "checkpoints/step_00000013"); }).code ==
        ExitCode::missing_input);
}

TEST_CASE("checkpoints: the newest k and the best stay") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 2);
  CHECK_FALSE(store.best_folder().has_value());
  for (int step = 10; step <= 60; step += 10) {
    store.save(make_checkpoint(step));
    if (step == 20) store.mark_best(step);
  }
  CHECK(store.steps() == Steps{20, 50, 60});
  CHECK(store.best_folder() == run / "checkpoints/step_00000020");
  CHECK(same(store.load(*store.best_folder()), make_checkpoint(20)));
  store.mark_best(60);
  store.save(make_checkpoint(70));
  CHECK(store.steps() == Steps{60, 70});
  const Refusal unknown = refusal([&] { store.mark_best(50); });
  CHECK(unknown.code == ExitCode::cannot_write);
  CHECK_THAT(unknown.text, Catch::Contains("step_00000050 is not there"));
  CHECK(store.best_folder() == run / "checkpoints/step_00000060");
  fs::remove_all(run / "checkpoints/step_00000060");
  CHECK_FALSE(store.best_folder().has_value());
  CHECK_THROWS_AS(CheckpointStore(run.checkpoints(), 0), Error);
}

TEST_CASE("checkpoints: a pointer to the best that cannot be read costs no checkpoint") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 1);
  store.save(make_checkpoint(1));
  store.mark_best(1);
  spill(run / "checkpoints/best", "stp_00000001\n");
  CHECK(refusal([&] { store.best_folder(); }).code == ExitCode::bad_data);
  store.save(make_checkpoint(2));
  CHECK(store.steps() == Steps{1, 2});
  store.mark_best(2);
  store.save(make_checkpoint(3));
  CHECK(store.steps() == Steps{2, 3});
}

TEST_CASE("checkpoints: going on from an earlier step replaces the later ones") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 1);
  store.save(make_checkpoint(10));
  store.mark_best(10);
  for (const int step : {20, 30}) store.save(make_checkpoint(step));
  store.mark_best(30);
  store.save(make_checkpoint(25, 1));
  CHECK(same(store.load_newest("")->checkpoint, make_checkpoint(25, 1)));
  CHECK(store.steps() == Steps{25});
  CHECK_FALSE(store.best_folder().has_value());
  store.save(make_checkpoint(25, 2));
  CHECK(same(store.load_newest("")->checkpoint, make_checkpoint(25, 2)));
  CHECK(FileSystem::real().list(run.checkpoints()) ==
        std::vector<std::string>{"latest", "step_00000025"});
}

TEST_CASE("checkpoints: another configuration is refused") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 1);
  store.save(make_checkpoint(10));
  const Refusal other = refusal([&] { store.load_newest("fedcba9876543210"); });
  CHECK(other.code == ExitCode::bad_config);
  CHECK_THAT(other.text, Catch::Contains("0123456789abcdef") && Catch::Contains("fedcba") &&
                             Catch::Contains("step_00000010") && Catch::Contains("start afresh"));
  CHECK(store.load_newest("").has_value());
}

TEST_CASE("checkpoints: damage is named and the newest whole one is taken") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 9);
  for (const int step : {1, 2, 3, 4, 5, 6, 7}) store.save(make_checkpoint(step));
  const auto file = [&](int step, const std::string& name) {
    return run / fmt::format("checkpoints/step_{:08}/{}", step, name);
  };
  std::string weights = slurp(file(7, "weights.safetensors"));
  weights[weights.size() - 1] ^= 1;
  spill(file(7, "weights.safetensors"), weights);
  fs::remove(file(6, "manifest.json"));
  CHECK(refusal([&] { store.load(run / "checkpoints/step_00000006"); }).code == ExitCode::bad_data);
  fs::remove(file(5, "optimizer.safetensors"));
  spill(file(4, "manifest.json"),
        swapped(slurp(file(4, "manifest.json")), "\"step\": 4", "\"step\": 5"));
  fs::rename(run / "checkpoints/step_00000003", run / "checkpoints/step_00000008");
  spill(file(2, "state.json"), slurp(file(2, "state.json")) + " ");
  const auto loaded = store.load_newest("");
  REQUIRE(loaded.has_value());
  CHECK(same(loaded->checkpoint, make_checkpoint(1)));
  const std::vector<std::string> problems = {"its manifest says step 3",
                                             "damaged: layers.0.bias",
                                             "manifest.json: No such file",
                                             "optimizer.safetensors: No such file",
                                             "its own checksum",
                                             "23 bytes, the manifest says 22"};
  REQUIRE(loaded->damaged.size() == problems.size());
  for (std::size_t i = 0; i < problems.size(); ++i) {
    CHECK_THAT(loaded->damaged[i].problem, Catch::Contains(problems[i]));
    CHECK_THAT(loaded->damaged[i].problem, Catch::Contains(loaded->damaged[i].folder));
  }
  // The run goes on, and what had been passed over is cleared away.
  store.save(make_checkpoint(2, 1));
  CHECK(store.steps() == Steps{1, 2});
  fs::remove(file(1, "state.json"));
  fs::remove(file(2, "state.json"));
  const Refusal none = refusal([&] { store.load_newest(""); });
  CHECK(none.code == ExitCode::bad_data);
  CHECK_THAT(none.text, Catch::Contains("none of the 2 checkpoints is whole") &&
                            Catch::Contains("step_00000002/state.json"));
}

TEST_CASE("checkpoints: a manifest that was made up is refused") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 1);
  store.save(make_checkpoint(1));
  const std::string folder = run / "checkpoints/step_00000001";
  const std::string path = folder + "/manifest.json";
  const std::string whole = slurp(path);
  const auto said = [&](const std::string& text) {
    spill(path, text);
    const Refusal refused = refusal([&] { store.load(folder); });
    CHECK(refused.code == ExitCode::bad_data);
    return refused.text;
  };
  CHECK_THAT(said(""), Catch::Contains("no manifest"));
  CHECK_THAT(said("[]"), Catch::Contains("no manifest"));
  CHECK_THAT(said("{\"format\":7}"), Catch::Contains("wrong type"));
  CHECK_THAT(said(swapped(whole, "\"version\": 1", "\"version\": 2")),
             Catch::Contains("format version 2, this program reads 1"));
  CHECK_THAT(said(swapped(whole, "\"size\"", "\"seize\"")), Catch::Contains("is missing"));
  CHECK_THAT(said(swapped(whole, "\"step\": 1", "\"step\": \"1\"")), Catch::Contains("wrong type"));
  CHECK_THAT(said(swapped(whole, "\"step\": 1", "\"step\": 1.0")), Catch::Contains("checksum"));
  CHECK_THAT(said(swapped(whole, "{", "{ ")), Catch::Contains("checksum"));
  CHECK_THAT(said(swapped(whole, "{", "{\"step\": 1,")), Catch::Contains("checksum"));
  CHECK_THAT(said(whole + "\n"), Catch::Contains("checksum"));
}

TEST_CASE("checkpoints: a manifest with right sums for other content is refused") {
  using Json = nlohmann::ordered_json;
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 1);
  store.save(make_checkpoint(1));
  const std::string folder = run / "checkpoints/step_00000001";
  const Json whole = Json::parse(slurp(folder + "/manifest.json"));
  const auto said = [&](const std::function<void(Json&)>& forge) {
    Json json = whole;
    json.erase("manifest_sha256");
    forge(json);
    json["manifest_sha256"] = sha256(json.dump());
    spill(folder + "/manifest.json", json.dump(2) + "\n");
    const Refusal refused = refusal([&] { store.load(folder); });
    CHECK((refused.code == ExitCode::ok || refused.code == ExitCode::bad_data));
    return refused.text;
  };
  CHECK(said([](Json&) {}).empty());
  CHECK_THAT(said([](Json& json) { json["files"][0]["tensors_crc32c"].erase("layers.0.bias"); }),
             Catch::Contains("2 tensors, the manifest says 1"));
  CHECK_THAT(said([](Json& json) { json["files"][0]["tensors_crc32c"]["layers.0.bias"] = "0"; }),
             Catch::Contains("tensor layers.0.bias is not the layers.0.bias of the manifest"));
  CHECK_THAT(said([](Json& json) {
               Json& tensors = json["files"][1]["tensors_crc32c"];
               tensors["gain"] = tensors["scale"];
               tensors.erase("scale");
             }),
             Catch::Contains("tensor scale is not the gain of the manifest"));
  CHECK_THAT(said([](Json& json) { json["files"][2]["name"] = "../state.json"; }),
             Catch::Contains("it lists other files than"));
  CHECK_THAT(said([](Json& json) { json["files"].erase(2); }), Catch::Contains("other files"));
  CHECK_THAT(said([](Json& json) { json["files"].push_back(json["files"][2]); }),
             Catch::Contains("other files"));
}

TEST_CASE("checkpoints: leftovers of dead processes go, those of living ones stay") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 2);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  const auto folder = [&](const std::string& name) { return run / ("checkpoints/" + name); };
  const std::string living = fmt::format("step_00000007.tmp-{}", ::getppid());
  for (const std::string& name :
       {fmt::format("step_00000005.tmp-{}", child), fmt::format("step_00000006.tmp-{}", getpid()),
        living, std::string("step_7"), std::string("step_-0000001"),
        std::string("step_00000009.tmp-"), std::string("step_00000009.bak-1"),
        std::string("step_00000009.tmp-0")}) {
    fs::create_directories(folder(name));
    spill(folder(name + "/weights.safetensors"), "half");
  }
  spill(folder(fmt::format("latest.tmp-{}", child)), "x");
  spill(folder(fmt::format("best.tmp-{}", child)), "x");
  spill(folder(fmt::format("latest.tmp-{}x", child)), "x");
  spill(folder(fmt::format("best.tmp-{}", ::getppid())), "x");
  CHECK_FALSE(store.load_newest("").has_value());
  store.save(make_checkpoint(8));
  const std::string parent = std::to_string(::getppid());
  const std::vector<std::string> stay = {"best.tmp-" + parent,
                                         "latest",
                                         fmt::format("latest.tmp-{}x", child),
                                         "step_-0000001",
                                         "step_00000007.tmp-" + parent,
                                         "step_00000008",
                                         "step_00000009.bak-1",
                                         "step_00000009.tmp-",
                                         "step_00000009.tmp-0",
                                         "step_7"};
  CHECK(FileSystem::real().list(run.checkpoints()) == stay);
  // Killed between the two renames that replace a step: the old one counts, and gets its name back.
  fs::rename(folder("step_00000008"), folder(fmt::format("step_00000008.old-{}", child)));
  CHECK(same(store.load_newest("")->checkpoint, make_checkpoint(8)));
  store.save(make_checkpoint(9));
  CHECK(store.steps() == Steps{8, 9});
  // Killed after them: the new one counts, and the old one goes.
  fs::copy(folder("step_00000008"), folder(fmt::format("step_00000009.old-{}", child)));
  CHECK(same(store.load_newest("")->checkpoint, make_checkpoint(9)));
  store.save(make_checkpoint(10));
  CHECK(same(store.load(folder("step_00000009")), make_checkpoint(9)));
  CHECK_FALSE(fs::exists(folder(fmt::format("step_00000009.old-{}", child))));
}

TEST_CASE("checkpoints: without enough space nothing is begun") {
  const RunFolder run;
  FaultyFileSystem files;
  CheckpointStore store(run.checkpoints(), 1, files);
  store.save(make_checkpoint(1));
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints/step_00000001")) {
    bytes += entry.file_size();
  }
  files.set_free_space(bytes + bytes / 5 - 1);
  files.arm(Fault::none, 0);
  const Refusal full = refusal([&] { store.save(make_checkpoint(2)); });
  CHECK(full.code == ExitCode::cannot_write);
  CHECK_THAT(full.text, Catch::Contains("it needs ") && Catch::Contains(" are free"));
  for (const std::string& call : files.trace()) CHECK(call.find("step_00000002") == call.npos);
  CHECK(store.steps() == Steps{1});
  files.set_free_space(bytes + bytes / 5);
  store.save(make_checkpoint(2));
  CHECK(store.steps() == Steps{2});
}

TEST_CASE("checkpoints: everything is synced before the step that relies on it") {
  const RunFolder run;
  FaultyFileSystem files;
  CheckpointStore store(run.checkpoints(), 1, files);
  store.save(make_checkpoint(1));
  files.arm(Fault::none, 0);
  store.save(make_checkpoint(2));
  std::vector<std::string> calls;
  for (const std::string& call : files.trace()) {
    if (call.starts_with("fsync") || call.starts_with("rename") || call.starts_with("rmdir")) {
      calls.push_back(call);
    }
  }
  const std::string own = fmt::format(".tmp-{}", getpid());
  CHECK(calls == std::vector<std::string>{
                     "fsync weights.safetensors", "fsync optimizer.safetensors", "fsync state.json",
                     "fsync manifest.json", "fsync step_00000002" + own,
                     "rename step_00000002" + own + " step_00000002", "fsync checkpoints",
                     "fsync latest" + own, "rename latest" + own + " latest", "fsync checkpoints",
                     "rename step_00000001 step_00000001" + own, "rmdir step_00000001" + own});
}
