// Runs the inner loops of csrc/cpu on every instruction set of this machine and compares them.
//   instruction_sets [ISA]      fails if the machine lacks ISA, of the names in dispatch.h
// It is also the only program of the machine that run.sh emulates, and switches that off.
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "checks.h"

#if defined(__x86_64__)
#include <sys/io.h>
#endif

#include "cpu/isa/dispatch.h"

namespace musc2::instruction_sets {
namespace {

int64_t checks = 0, failures = 0, printed = 0;
constexpr int64_t most_printed = 8;  // of a group
char current[200] = "nothing";

// The first process of a machine must not end.
[[noreturn]] void leave(int status) {
  std::fflush(stdout);
  if (getpid() != 1) _exit(status);
  tcdrain(1);
#if defined(__x86_64__)
  constexpr unsigned short switch_of_bochs = 0x8900;
  if (ioperm(switch_of_bochs, 1, 1) == 0) {
    for (const char* letter = "Shutdown"; *letter != '\0'; ++letter)
      outb(static_cast<unsigned char>(*letter), switch_of_bochs);
  }
#endif
  for (;;) pause();
}

void report_signal(int number) {
  std::printf("end: signal %d (%s) in %s\n", number, strsignal(number), current);
  leave(1);
}

}  // namespace

void begin(const std::string& name, const char* isa) {
  std::snprintf(current, sizeof current, "%s, %s", name.c_str(), isa);
  check(cpu::set_isa(isa), "the instruction set can be selected");
}

void check(bool holds, const std::string& what) {
  ++checks;
  if (holds) return;
  ++failures;
  if (++printed <= most_printed) std::printf("FAILED %s: %s\n", current, what.c_str());
}

const std::vector<const char*>& isas() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> list;
    for (int i = 0; i <= static_cast<int>(cpu::best_isa()); ++i) {
      const auto isa = static_cast<cpu::Isa>(i);
      if (cpu::runs(isa)) list.push_back(cpu::isa_name(isa));
    }
    return list;
  }();
  return names;
}

namespace {

struct Group {
  const char* name;
  void (*run)();
};

void run_all(const char* needed) {
  constexpr Group groups[] = {
      {"packing", check_packing},
      {"searches", check_searches},
      {"nearest_patches", check_nearest_patches},
      {"near copies", check_near_copies},
      {"search windows", check_windows},
      {"ops of points", check_point_ops},
      {"ops of tokens", check_token_ops},
  };
  std::printf("best instruction set: %s\n", cpu::isa_name(cpu::best_isa()));
  if (needed != nullptr && !cpu::set_isa(needed)) {
    std::printf("end: this machine lacks %s\n", needed);
    leave(1);
  }
  for (const Group& group : groups) {
    const int64_t earlier_checks = checks, earlier_failures = failures;
    printed = 0;
    std::printf("%s ...\n", group.name);
    std::fflush(stdout);
    group.run();
    std::printf("  %lld checks, %lld failed\n", static_cast<long long>(checks - earlier_checks),
                static_cast<long long>(failures - earlier_failures));
    std::fflush(stdout);
  }
  std::printf("end: %lld checks on", static_cast<long long>(checks));
  for (const char* isa : isas()) std::printf(" %s", isa);
  std::printf(", %lld failed\n", static_cast<long long>(failures));
}

}  // namespace
}  // namespace musc2::instruction_sets

int main(int count, char** arguments) {
  using namespace musc2::instruction_sets;
  for (const int number : {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGABRT})
    std::signal(number, report_signal);
  run_all(count > 1 ? arguments[1] : nullptr);
  leave(failures == 0 ? 0 : 1);
}
