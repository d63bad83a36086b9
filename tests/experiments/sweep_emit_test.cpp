// SPDX-License-Identifier: MIT
// The scripts for schedulers as text; tests/cli/sweep_emit_test.cpp runs them.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.h"
#include "sweep_fixture.h"

using namespace dropmuon;

namespace {

// Prints its arguments and where it stands, one to a line.
const std::string kEcho = "#!/bin/sh\nprintf '%s\\n' \"$PWD\" \"$@\"\n";

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  for (int letter; (letter = std::fgetc(pipe)) != EOF;) output += static_cast<char>(letter);
  const int status = pclose(pipe);
  return output + (status == 0 ? "" : "status " + std::to_string(status));
}

std::string quoted(const std::string& path) {
  std::string out;
  for (const char letter : path) out += letter == '\'' ? std::string("'\\''") : std::string{letter};
  return "'" + out + "'";
}

const std::string kThreeSeeds = "base: base.yaml\nname: s\nseeds: 3\n";

}  // namespace

TEST_CASE(
    "sweep: scripts pass bash -n and call the program with whole words, whatever is in them") {
  const SweepFolder folder(" it's $(x) `y` \"z\" 100% \\n");
  const std::string program = folder.write("my program's.sh", kEcho);
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const Sweep sweep = folder.load(kThreeSeeds);
  const std::string here = std::filesystem::current_path().string();
  const std::string slurm = folder.write("slurm.sh", slurm_script(sweep, program));
  const std::string parallel = folder.write("parallel.sh", parallel_script(sweep, program));
  CHECK(output_of("bash -n " + quoted(slurm)).empty());
  CHECK(output_of("bash -n " + quoted(parallel)).empty());
  for (std::size_t i = 0; i < sweep.jobs.size(); ++i) {
    CHECK(output_of("cd / && SLURM_ARRAY_TASK_ID=" + std::to_string(i) + " bash " +
                    quoted(slurm)) == here + "\ntrain\n--resume\n" + sweep.jobs[i].folder + "\n");
  }
  // GNU parallel gives each line to a shell as it is.
  const std::string text = parallel_script(sweep, program);
  const std::size_t begin = text.find("<<'JOBS'\n") + 9;
  const std::string lines = text.substr(begin, text.rfind("JOBS\n") - begin);
  std::string expected;
  for (const SweepJob& job : sweep.jobs) {
    expected += here + "\ntrain\n--resume\n" + job.folder + "\n";
  }
  CHECK(output_of("bash " + quoted(folder.write("lines.sh", lines))) == expected);
}

TEST_CASE("sweep: the Slurm script says what each task needs") {
  const SweepFolder folder;
  const std::string script = slurm_script(folder.load(kThreeSeeds), "dropmuon");
  CHECK_THAT(script, Catch::StartsWith("#!/usr/bin/env bash\n"));
  CHECK_THAT(script, Catch::Contains("\n#SBATCH --job-name=s\n#SBATCH --array=0-2\n"));
  CHECK_THAT(script, Catch::Contains("\n#SBATCH --output=\"" + (folder / "runs/s/slurm-") +
                                     "%A_%a.log\"\n"));
  CHECK_THAT(script, Catch::Contains("\n#SBATCH --cpus-per-task=1\n"));
  CHECK_THAT(script, Catch::Contains("\n#SBATCH --signal=B:TERM@60\n"));
  CHECK_THAT(script, !Catch::Contains("gpu"));
  // No #SBATCH line counts after the first command.
  CHECK(script.rfind("#SBATCH") < script.find("\nset -euo pipefail\n"));

  const auto options = [&](const std::string& set) {
    return slurm_script(folder.load("base: base.yaml\nname: s\n" + set), "dropmuon");
  };
  CHECK_THAT(options("set: {threads: auto}\n"), !Catch::Contains("#SBATCH --cpus-per-task"));
  CHECK_THAT(options("grid: {threads: [1, 2]}\n"), !Catch::Contains("#SBATCH --cpus-per-task"));
  CHECK_THAT(options("set: {device: cuda}\n"), Catch::Contains("\n#SBATCH --gres=gpu:1\n"));
  CHECK_THAT(options("grid: {device: [cuda, cpu]}\n"), !Catch::Contains("gpu"));
}

TEST_CASE("sweep: scripts start as many jobs at a time as they are told") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kThreeSeeds);
  CHECK_THAT(slurm_script(sweep, "dropmuon", 2), Catch::Contains("\n#SBATCH --array=0-2%2\n"));
  CHECK_THAT(parallel_script(sweep, "dropmuon"), Catch::Contains("parallel --jobs 1 "));
  CHECK_THAT(parallel_script(sweep, "dropmuon", 2), Catch::Contains("parallel --jobs 2 "));
}

TEST_CASE("sweep: more jobs than a Slurm array may have are submitted in parts") {
  const SweepFolder folder;
  const auto script = [&](int seeds) {
    return slurm_script(
        folder.load("base: base.yaml\nname: s\nseeds: " + std::to_string(seeds) + "\n"), "echo");
  };
  CHECK_THAT(script(1001), !Catch::Contains("#   sbatch"));
  const std::string text = script(2003);
  CHECK_THAT(text, Catch::Contains("\n#   sbatch --array=0-1000 --export=ALL,FIRST_JOB=0 FILE\n"
                                   "#   sbatch --array=0-1000 --export=ALL,FIRST_JOB=1001 FILE\n"
                                   "#   sbatch --array=0-0 --export=ALL,FIRST_JOB=2002 FILE\n"));
  CHECK_THAT(slurm_script(folder.load("base: base.yaml\nname: s\nseeds: 1002\n"), "echo", 8),
             Catch::Contains("\n#   sbatch --array=0-1000%8 --export=ALL,FIRST_JOB=0 FILE\n"
                             "#   sbatch --array=0-0%8 "));
  const std::string file = folder.write("slurm.sh", text);
  CHECK_THAT(output_of("SLURM_ARRAY_TASK_ID=7 FIRST_JOB=1001 bash " + file),
             Catch::EndsWith("seed=1008\n"));
}

TEST_CASE("sweep: the Slurm script outside Slurm says how to use it") {
  const SweepFolder folder;
  const std::string script =
      folder.write("slurm.sh", slurm_script(folder.load(kThreeSeeds), "true"));
  CHECK_THAT(output_of("env -u SLURM_ARRAY_TASK_ID bash " + script),
             Catch::Contains("submit this file with sbatch"));
}

TEST_CASE("sweep: the parallel script refuses other programs of that name") {
  const SweepFolder folder;
  const std::string script =
      folder.write("parallel.sh", parallel_script(folder.load(kThreeSeeds), "true"));
  folder.write("bin/parallel", "#!/bin/sh\necho 'parallel [OPTIONS] command -- arguments'\n");
  std::filesystem::permissions(folder / "bin/parallel", std::filesystem::perms::owner_all);
  CHECK(output_of("PATH=" + (folder / "bin") + ":$PATH bash " + script) ==
        "GNU parallel is needed (Debian: apt-get install parallel)\nstatus " +
            std::to_string(69 << 8));
}
