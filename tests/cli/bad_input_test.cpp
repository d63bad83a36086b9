// SPDX-License-Identifier: MIT
// Bad input gives one clear line and the documented exit code.
#include <algorithm>

#include "catch.h"
#include "program.h"

using namespace dropmuon;

namespace {

struct BadCase {
  std::string script;  // {p}: the program, {d}: the sandbox
  int code;
  std::string expected;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

void check(const Sandbox& sandbox, const BadCase& c) {
  const Outcome outcome =
      run_script(replaced(replaced(c.script, "{p}", program()), "{d}", sandbox / "."));
  CAPTURE(c.script, outcome.output);
  CHECK(outcome.code == c.code);
  CHECK_THAT(outcome.output, Catch::Contains(c.expected));
  CHECK_THAT(outcome.output, !Catch::Contains("terminate called"));
  CHECK_THAT(outcome.output, !Catch::Contains("internal error"));
  // One line for errors; configuration errors add the source line and a caret.
  const auto said = outcome.output.find("dropmuon: ");
  REQUIRE(said != std::string::npos);
  const auto lines = std::count(outcome.output.begin() + static_cast<std::ptrdiff_t>(said),
                                outcome.output.end(), '\n');
  CHECK((lines == 1 || (c.code == 78 && lines == 3)));
}

}  // namespace

TEST_CASE("misspelt words on the command line are named and exit with 2") {
  const Sandbox sandbox;
  for (const BadCase& c : std::vector<BadCase>{
           {"{p}", 2, "subcommand is required"},
           {"{p} trian x.yaml", 2, "did you mean 'train'?"},
           {"{p} config shwo x", 2, "did you mean 'show'?"},
           {"{p} bench {d}/good.yaml --ronds 3", 2, "did you mean '--rounds'?"},
           {"{p} bench {d}/good.yaml --rounds zero", 2, "--rounds"},
           {"{p} bench {d}/good.yaml --rounds 0", 2, "--rounds"},
           {"{p} train", 2, "train needs a CONFIG or --resume"},
           {"{p} info extra", 2, "extra"},
           {"{p} train {d}/good.yaml --epochs 3", 2, "did you mean train.epochs=3?"},
           {"{p} train {d}/good.yaml --batch-size=9", 2, "did you mean train.batch_size=9?"},
           {"{p} plan {d}/good.yaml --optimizer.lr 0.1", 2, "did you mean optimizer.lr=0.1?"},
           {"{p} eval {d}/r -seed 3", 2, "did you mean seed=3?"},
           {"{p} sweep {d}/s.yaml --root 'a b'", 2, "did you mean 'data.root=a b'?"},
           {"{p} data --root='~ada'", 2, "~ada: ~USER is not expanded here; write the folder out"},
           {"{p} data --root='${HOME}/x'", 2, "write the folder out"},
           {"HOME= {p} compare '~/runs'", 2, "which is not set"},
       }) {
    check(sandbox, c);
  }
}

TEST_CASE("wrong configurations are named with their place and exit with 78") {
  const Sandbox sandbox;
  sandbox.write("unknown.yaml", "seed: 1\noptimzer: {lr: 0.1}\n");
  sandbox.write("type.yaml", "optimizer: {lr: fast}\n");
  sandbox.write("twice.yaml", "seed: 1\nseed: 2\n");
  sandbox.write("bomb.yaml", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nseed: *c\n");
  sandbox.write("huge.yaml", std::string(2 << 20, '#'));
  sandbox.write("sweep.yaml", "base: good.yaml\nseeds: 2\n");
  sandbox.write("channels.yaml", "model: {channels: []}\n");
  for (const BadCase& c : std::vector<BadCase>{
           {"{p} train {d}/unknown.yaml", 78, "unknown.yaml:2:1: "},
           {"{p} train {d}/unknown.yaml", 78, "did you mean 'optimizer'?"},
           {"{p} train {d}/type.yaml", 78, "type.yaml:1:17: "},
           {"{p} train {d}/twice.yaml", 78, "twice.yaml:2:1: "},
           {"{p} train {d}/bomb.yaml", 78, "bomb.yaml:1:"},
           {"{p} train {d}/huge.yaml", 78, "huge.yaml"},
           {"{p} train {d}/channels.yaml", 78, "channels"},
           {"{p} train {d}/sweep.yaml", 78, "this looks like a sweep: dropmuon sweep"},
           {"{p} sweep {d}/good.yaml", 78, "this looks like a configuration: dropmuon train"},
           {"{p} train {d}/good.yaml data.dataset=minst", 78, "did you mean 'mnist'?"},
           {"{p} train {d}/good.yaml optimizer.lr=abc", 78, "optimizer.lr=abc"},
           {"{p} train {d}/good.yaml optimizer.lrr=1", 78, "did you mean 'lr'?"},
           {"{p} train {d}/good.yaml nonsense", 78, "nonsense"},
           {"{p} train {d}/good.yaml train.batch_size=500", 78, "train.batch_size"},
           {"{p} plan {d}/good.yaml train.batch_size=5000", 78, "train.batch_size"},
           {"{p} train {d}/good.yaml sampling.scheme=weights 'sampling.weights=[1,2]'", 78,
            "sampling.weights"},
           {"{p} train {d}/good.yaml sampling.scheme=tau_nice sampling.tau=9", 78, "sampling.tau"},
           {"{p} train {d}/good.yaml 'model.channels=[4,4,4,4,4,4]'", 78, "model.pool"},
           {"{p} train {d}/good.yaml device=cpu precision=bf16", 78, "precision"},
           {"{p} train {d}/good.yaml optimizer.weight_decay=1e3", 78, "optimizer.weight_decay"},
           {"{p} data minst", 78, "did you mean 'mnist'?"},
       }) {
    check(sandbox, c);
  }
  CHECK_FALSE(std::filesystem::exists(sandbox / "runs"));
}

TEST_CASE("missing and damaged files are named and exit with 66 and 65") {
  const Sandbox sandbox;
  const std::string header("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02", 16);
  const std::string labels("\0\0\x08\x01\0\0\0\x02", 8);
  const auto set = [&](const std::string& root, const std::string& images,
                       const std::string& train_labels) {
    for (const std::string prefix : {"train", "t10k"}) {
      sandbox.write(root + "/mnist/" + prefix + "-images-idx3-ubyte", images);
      sandbox.write(root + "/mnist/" + prefix + "-labels-idx1-ubyte", train_labels);
    }
  };
  set("magic", std::string("\0\0\x08\x07", 4) + header.substr(4) + "12345678",
      labels + '\1' + '\2');
  set("label", header + "12345678", labels + '\1' + '\x0a');
  set("short", header + "1234567", labels + '\1' + '\2');
  sandbox.write("gz/mnist/train-images-idx3-ubyte.gz",
                std::string("\x1f\x8b\x08\0\0\0\0\0\0\3", 10));
  for (const BadCase& c : std::vector<BadCase>{
           {"{p} train {d}/absent.yaml", 66, "absent.yaml"},
           {"{p} train {d}/good.yaml data.dataset=mnist data.root={d}/none", 66,
            "get_data.sh mnist"},
           {"{p} data mnist --root {d}/none", 66, "get_data.sh mnist"},
           {"{p} data mnist --root {d}/magic", 65, "train-images-idx3-ubyte"},
           {"{p} data mnist --root {d}/label", 65, "train-labels-idx1-ubyte"},
           {"{p} data mnist --root {d}/short", 65, "train-images-idx3-ubyte"},
           {"{p} data mnist --root {d}/gz", 65, "train-images-idx3-ubyte.gz"},
           {"{p} eval {d}/none", 66, "no run folder"},
           {"{p} eval " + std::string(5000, 'x'), 66, "no run folder"},
       }) {
    check(sandbox, c);
  }
}

TEST_CASE("a device that is not there exits with 69 and its reason") {
  const Sandbox sandbox;
  check(sandbox, {std::string(kHideGpu) + "{p} train {d}/good.yaml device=cuda", 69,
                  "device: cuda was asked for, but"});
  check(sandbox,
        {"{p} bench {d}/good.yaml device=cuda:99", 69, "device: cuda:99 was asked for, but"});
  check(sandbox, {"{p} train {d}/good.yaml device=cdua", 78, "did you mean 'cuda'?"});
}

TEST_CASE("folders and disks that cannot be written exit with 73") {
  const Sandbox sandbox;
  sandbox.write("file", "in the way");
  check(sandbox,
        {"{p} train {d}/good.yaml runs_dir={d}/file/runs", 73, "cannot create the run folder"});
  check(sandbox,
        {"{p} train {d}/good.yaml runs_dir=/proc/runs", 73, "cannot create the run folder"});
  check(sandbox, {"{p} config reference > /dev/full", 73, "cannot write to standard output"});
  // A limit on file sizes fails writes in mid-run as a full disk does.
  for (const std::string blocks : {"1", "4", "8", "24"}) {
    CAPTURE(blocks);
    const Sandbox limited;
    check(limited, {"(trap '' XFSZ; ulimit -f " + blocks +
                        "; {p} train -q {d}/good.yaml "
                        "train.epochs=20 train.eval_every_steps=1)",
                    73, "cannot write"});
    if (blocks == "1") {  // not even the configuration: a run that did not begin
      CHECK(std::filesystem::is_empty(limited / "runs/small"));
    } else {
      CHECK(Sandbox::read(limited.only_run() + "/STATUS") == "failed\n");
    }
  }
}

TEST_CASE("who gives another folder or file than is meant is told which") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  for (const std::string part :
       {"checkpoints/step_00000020", "checkpoints/latest", "weights.safetensors", "checkpoints/"}) {
    check(sandbox, {"{p} train --resume " + run + "/" + part, 66,
                    "it is part of the run " + run + ", name that"});
  }
  check(sandbox, {"{p} train --resume {d}/runs/small", 66, "name one of the runs in it, such as "});
  check(sandbox, {"{p} train " + run, 66, "`dropmuon train --resume " + run + "` goes on with it"});
  check(sandbox, {"{p} plan " + run + "/weights.safetensors", 78, "train.init_from="});
  const std::string go_on = run + ": `dropmuon train --resume " + run + "` goes on with it, and " +
                            run + "/config.yaml is its configuration";
  for (const std::string part : {"checkpoints", "checkpoints/", "checkpoints/step_00000020"}) {
    check(sandbox,
          {"{p} train " + run + "/" + part, 66, "found a folder; it is part of the run " + go_on});
  }
  for (const std::string part :
       {"checkpoints/best", "checkpoints/latest", "metrics.csv", "summary.json", "STATUS",
        "checkpoints/step_00000020/state.json"}) {
    check(sandbox, {"{p} train " + run + "/" + part, 78,
                    "found a file of a run; it is part of the run " + go_on});
  }
  CHECK(run_program("config show " + run + "/config.yaml").code == 0);
  sandbox.write("runs/small/cfg", "seed: 7\n");
  CHECK(run_program("config show " + (sandbox / "runs/small/cfg")).code == 0);
  for (const std::string name : {"runs", "runs/small", "runs/small/"}) {
    const std::string folder = sandbox / name;
    const std::string newest = "found a folder; the newest run in it is " + go_on;
    check(sandbox, {"{p} train " + folder, 66, newest});
    check(sandbox, {"{p} sweep " + folder, 66, newest});
    const std::string such = "name one of the runs in it, such as " + run;
    check(sandbox, {"{p} train --resume " + folder, 66, such});
    check(sandbox, {"{p} eval " + folder, 66, such});
    check(sandbox, {"{p} train {d}/good.yaml train.init_from=" + folder, 66, such});
  }
  check(sandbox,
        {"{p} train --resume " + sandbox.config(), 66,
         "`dropmuon train --resume latest " + sandbox.config() + "` finds the newest run"});
  check(sandbox, {"cd " + run + "/checkpoints && {p} train best", 78, "`dropmuon train --resume "});
  check(sandbox, {"{p} data mnist --root '{d}/no data'", 66, "/no data'` gets it"});
  CHECK_THAT(run_program("train --resume " + run).output,
             Catch::Contains("done already; to train on from its weights, start a run with "
                             "train.init_from=" +
                             run));
  CHECK_THAT(run_program("--help").output, Catch::Contains("129"));
  sandbox.write("home/s.yaml", "base: ~/good.yaml\nname: s\nruns_dir: ~/runs\n");
  const Outcome swept = run_script("HOME=" + (sandbox / "") + " " + program() +
                                   " sweep --dry-run " + (sandbox / "home/s.yaml"));
  CAPTURE(swept.output);
  CHECK(swept.code == 0);
  sandbox.write("home/s.yaml", "base: $HOME/good.yaml\n");
  check(sandbox, {"{p} sweep {d}/home/s.yaml", 78, "base: $HOME/good.yaml: variables of a shell"});
}
