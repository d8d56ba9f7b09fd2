#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "emulator/hopper.h"
#include "emulator/narrow_floats.h"
#include "emulator/per_block.h"

namespace musc2::cuda::hopper {
namespace {

using emulation::CallSite;
using emulation::running;

constexpr unsigned rows_held = 2, sums_held = left_rows * right_rows / 128;
constexpr uint32_t not_a_number = 0x7fc00000;

// The bits of a thread's sums.
using Bits = uint32_t[sums_held];

struct Product {
  Descriptor left, right;
  int group;
  void (*execute)(const Product&, Bits&);
};

// A thread's products in flight, its sums meanwhile, and where the sums belong.
struct Products {
  std::vector<Product> in_flight;
  int committed = 0;
  bool fenced = false;
  void* first = nullptr;
  void* second = nullptr;
  Bits sums;
};

// How an instruction reads a value, and what it adds up: exactly, then as a register holds it.
struct Bfloat16 {
  using Stored = uint16_t;
  using Exact = double;
  using Sum = float;
  static Exact widen(Stored bits) { return double{__bfloat162float({bits})}; }
  static Sum hold(Exact sum) { return emulation::toward_zero(sum); }
};

struct Float16 {
  using Stored = uint16_t;
  using Exact = double;
  using Sum = float;
  static Exact widen(Stored bits) { return double{__half2float({bits})}; }
  static Sum hold(Exact sum) { return emulation::toward_zero(sum); }
};

struct Int8 {
  using Stored = int8_t;
  using Exact = int64_t;
  using Sum = int32_t;
  static Exact widen(Stored value) { return value; }
  static Sum hold(Exact sum) { return static_cast<int32_t>(static_cast<uint32_t>(sum)); }
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

// Reads 32 bytes of channels of a row as "Matrix Descriptor Format" and "Shared Memory Matrix
// Layout" say: 8 rows are 1024 bytes, the stride is the distance between groups of 8 rows, and bits
// 4 to 6 of an address are XORed with bits 7 to 9.
template <class Format, uint32_t channels>
void read_row(Descriptor operand, unsigned row, typename Format::Exact (&values)[channels]) {
  const auto start = static_cast<uint32_t>((operand & 0x3fff) << 4);
  const auto stride = static_cast<uint32_t>((operand >> 32 & 0x3fff) << 4);
  const uint32_t row_start = start + row / 8 * stride + row % 8 * 128;
  for (uint32_t i = 0; i < channels; ++i) {
    typename Format::Stored stored{};
    const uint32_t linear = row_start + i * uint32_t{sizeof stored},
                   address = linear ^ (linear >> 7 & 7) << 4;
    std::memcpy(&stored, running->block->memory.dynamic() + address, sizeof stored);
    values[i] = Format::widen(stored);
  }
}

// "Register Fragments and Shared Memory Matrix Layout": D of m64nNk16 and of m64nNk32.
template <class Format>
void execute(const Product& product, Bits& sums) {
  constexpr uint32_t channels = bytes_at_once / sizeof(typename Format::Stored);
  const unsigned lane = running->number % 32, warp = running->number / 32 % 4;
  typename Format::Exact rows[rows_held][channels], column[channels];
  for (unsigned i = 0; i < rows_held; ++i)
    read_row<Format>(product.left, 16 * warp + lane / 4 + 8 * i, rows[i]);
  for (unsigned i = 0; i < sums_held;
       i += i % 2 == 0 ? 1 : 3) {  // 0, 1, 4, 5: the other two are 8 rows further down
    read_row<Format>(product.right, lane % 4 * 2 + i % 2 + i / 4 * 8, column);
    for (unsigned row = 0; row < rows_held; ++row) {
      uint32_t& bits = sums[i + 2 * row];
      auto sum = typename Format::Exact{emulation::from_bits<typename Format::Sum>(bits)};
      for (uint32_t channel = 0; channel < channels; ++channel)
        sum += rows[row][channel] * column[channel];
      bits = emulation::from_bits<uint32_t>(emulation::to_bits(Format::hold(sum)));
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

template <class Format>
void multiply(const char* instruction, typename Format::Sum (&first)[sums_held / 2],
              typename Format::Sum (&second)[sums_held / 2], Descriptor left, Descriptor right,
              CallSite site) {
  meet_warp(instruction, site);
  check(left);
  check(right);
  Products& own = of_thread();
  if (!own.fenced) fail(std::string("is in ") + instruction + " without fence_products");
  if (own.in_flight.empty()) {
    own.first = first;
    own.second = second;
    std::memcpy(own.sums, first, sizeof first);
    std::memcpy(own.sums + sums_held / 2, second, sizeof second);
    for (unsigned i = 0; i < sums_held / 2; ++i) {
      first[i] = second[i] = emulation::from_bits<typename Format::Sum>(not_a_number);
    }
  } else if (own.first != first || own.second != second) {
    fail("multiplies into other sums while products are in flight");
  }
  own.in_flight.push_back({left, right, own.committed, execute<Format>});
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
    product->execute(*product, own.sums);
  own.in_flight.erase(own.in_flight.begin(), remaining);
  if (any && own.in_flight.empty()) {
    std::memcpy(own.first, own.sums, sizeof own.sums / 2);
    std::memcpy(own.second, own.sums + sums_held / 2, sizeof own.sums / 2);
  }
  meet_warp("wait_products", site);  // no lane continues before the products of all lanes are done
}

void multiply_bfloat16(Sums& first, Sums& second, Descriptor left, Descriptor right,
                       CallSite site) {
  multiply<Bfloat16>("multiply_bfloat16", first, second, left, right, site);
}

void multiply_float16(Sums& first, Sums& second, Descriptor left, Descriptor right, CallSite site) {
  multiply<Float16>("multiply_float16", first, second, left, right, site);
}

void multiply_int8(IntegerSums& first, IntegerSums& second, Descriptor left, Descriptor right,
                   CallSite site) {
  multiply<Int8>("multiply_int8", first, second, left, right, site);
}

}  // namespace musc2::cuda::hopper
