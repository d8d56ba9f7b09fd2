#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <vector>

#include "emulator/hopper.h"
#include "emulator/narrow_floats.h"
#include "emulator/per_block.h"

namespace musc2::cuda::hopper {
namespace {

using emulation::CallSite;
using emulation::running;
using Widen = float (*)(uint16_t);

constexpr unsigned rows_held = 2, sums_held = left_rows * right_rows / 128;

struct Product {
  Descriptor left, right;
  int group;
  Widen widen;
};

// A thread's products in flight, its sums meanwhile, and where the sums belong.
struct Products {
  std::vector<Product> in_flight;
  int committed = 0;
  bool fenced = false;
  float* first = nullptr;
  float* second = nullptr;
  float sums[sums_held];
};

Products& of_thread() {
  static emulation::PerBlock<std::map<unsigned, Products>> threads;
  return threads.of(*running->block)[running->number];
}

[[noreturn]] void fail(const std::string& message) {
  emulation::fail(emulation::describe(*running) + " " + message);
}

void meet_warp(const char* instruction, CallSite site) {
  emulation::meet({instruction, emulation::all_lanes}, site);
}

// Reads 16 channels of a row as "Matrix Descriptor Format" and "Shared Memory Matrix Layout" say: 8
// rows are 1024 bytes, the stride is the distance between groups of 8 rows, and bits 4 to 6 of an
// address are XORed with bits 7 to 9.
void read_row(Descriptor operand, unsigned row, Widen widen, float (&values)[channels_at_once]) {
  const auto start = static_cast<uint32_t>((operand & 0x3fff) << 4);
  const auto stride = static_cast<uint32_t>((operand >> 32 & 0x3fff) << 4);
  const uint32_t row_start = start + row / 8 * stride + row % 8 * 128;
  for (uint32_t i = 0; i < channels_at_once; ++i) {
    const uint32_t linear = row_start + 2 * i, address = linear ^ (linear >> 7 & 7) << 4;
    uint16_t bits = 0;
    std::memcpy(&bits, running->block->memory.dynamic() + address, sizeof bits);
    values[i] = widen(bits);
  }
}

// "Register Fragments and Shared Memory Matrix Layout": D of m64nNk16.
void execute(const Product& product, float (&sums)[sums_held]) {
  const unsigned lane = running->number % 32, warp = running->number / 32 % 4;
  float rows[rows_held][channels_at_once], column[channels_at_once];
  for (unsigned i = 0; i < rows_held; ++i)
    read_row(product.left, 16 * warp + lane / 4 + 8 * i, product.widen, rows[i]);
  for (unsigned i = 0; i < sums_held;
       i += i % 2 == 0 ? 1 : 3) {  // 0, 1, 4, 5: the other two are 8 rows further down
    read_row(product.right, lane % 4 * 2 + i % 2 + i / 4 * 8, product.widen, column);
    for (unsigned row = 0; row < rows_held; ++row) {
      double sum = sums[i + 2 * row];
      for (int channel = 0; channel < channels_at_once; ++channel)
        sum += double{rows[row][channel]} * column[channel];
      sums[i + 2 * row] = emulation::toward_zero(sum);
    }
  }
}

void check(Descriptor operand) {
  constexpr Descriptor known = Descriptor{0x3fff} | Descriptor{0x3fff} << 16 |
                               Descriptor{0x3fff} << 32 | Descriptor{3} << 62;
  if ((operand & ~known) != 0 || operand >> 62 != 1) fail("uses an operand with another swizzle");
  if ((operand >> 32 & 0x3fff) << 4 != 8 * row_bytes) fail("uses an operand with another stride");
  const Descriptor start = (operand & 0x3fff) << 4;
  if (start % alignment >= row_bytes) fail("uses an operand that is not aligned to 1024 bytes");
}

void multiply(const char* instruction, Sums& first, Sums& second, Product product, CallSite site) {
  meet_warp(instruction, site);
  check(product.left);
  check(product.right);
  Products& own = of_thread();
  if (!own.fenced) fail(std::string("is in ") + instruction + " without fence_products");
  if (own.in_flight.empty()) {
    own.first = first;
    own.second = second;
    std::copy(std::begin(first), std::end(first), own.sums);
    std::copy(std::begin(second), std::end(second), own.sums + std::size(first));
    std::fill(std::begin(first), std::end(first), std::numeric_limits<float>::quiet_NaN());
    std::fill(std::begin(second), std::end(second), std::numeric_limits<float>::quiet_NaN());
  } else if (own.first != first || own.second != second) {
    fail("multiplies into other sums while products are in flight");
  }
  product.group = own.committed;
  own.in_flight.push_back(product);
}

}  // namespace

void fence_products(CallSite site) {
  meet_warp("fence_products", site);
  of_thread().fenced = true;
}

void commit_products(CallSite site) {
  meet_warp("commit_products", site);
  ++of_thread().committed;
  of_thread().fenced = false;
}

void products_end(int last, CallSite site) {
  // Gives threads that were told too early that the operands are free the time to overwrite them.
  for (int step = 0; step < 2; ++step) meet_warp("wait_products", site);
  Products& own = of_thread();
  const auto remaining =
      std::find_if(own.in_flight.begin(), own.in_flight.end(),
                   [&](const Product& product) { return product.group >= own.committed - last; });
  const bool any = remaining != own.in_flight.begin();
  for (auto product = own.in_flight.begin(); product != remaining; ++product)
    execute(*product, own.sums);
  own.in_flight.erase(own.in_flight.begin(), remaining);
  if (any && own.in_flight.empty()) {
    std::copy(own.sums, own.sums + sums_held / 2, own.first);
    std::copy(own.sums + sums_held / 2, own.sums + sums_held, own.second);
  }
  meet_warp("wait_products", site);  // no lane continues before the products of all lanes are done
}

void multiply_bfloat16(Sums& first, Sums& second, Descriptor left, Descriptor right,
                       CallSite site) {
  const auto widen = [](uint16_t bits) { return __bfloat162float({bits}); };
  multiply("multiply_bfloat16", first, second, {left, right, 0, widen}, site);
}

void multiply_float16(Sums& first, Sums& second, Descriptor left, Descriptor right, CallSite site) {
  const auto widen = [](uint16_t bits) { return __half2float({bits}); };
  multiply("multiply_float16", first, second, {left, right, 0, widen}, site);
}

}  // namespace musc2::cuda::hopper
