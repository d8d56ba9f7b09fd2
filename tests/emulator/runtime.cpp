#include "emulator/runtime.h"

#include <map>
#include <mutex>

namespace musc2::emulation {
namespace {

std::mutex mutex;
std::map<const void*, int> limits;  // of kernels that may have more than every kernel may
std::vector<Allowance> allowed;
unsigned most_blocks = 16;
int64_t launch_count = 0;

}  // namespace

void allow(const void* kernel, int bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  limits[kernel] = bytes;
  allowed.push_back({kernel, bytes});
}

void begin_launch(const void* kernel, unsigned cluster, size_t dynamic_bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  ++launch_count;
  const auto limit = limits.find(kernel);
  const int bytes = limit == limits.end() ? 48 << 10 : limit->second;
  if (dynamic_bytes > static_cast<size_t>(bytes))
    throw Error("the kernel has not been allowed this much dynamic shared memory");
  if (cluster > most_blocks)
    throw Error("no cluster of " + std::to_string(cluster) + " blocks fits");
}

int64_t launches() {
  const std::lock_guard<std::mutex> lock(mutex);
  return launch_count;
}

std::vector<Allowance> allowances() {
  const std::lock_guard<std::mutex> lock(mutex);
  return allowed;
}

unsigned largest_cluster() {
  const std::lock_guard<std::mutex> lock(mutex);
  return most_blocks;
}

void set_largest_cluster(unsigned blocks) {
  const std::lock_guard<std::mutex> lock(mutex);
  most_blocks = blocks;
}

}  // namespace musc2::emulation
