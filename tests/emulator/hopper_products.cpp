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

using emulation::Place;
using emulation::running;
using Widen = float (*)(uint16_t);

constexpr unsigned rows_held = 2, sums_held = left_rows * right_rows / 128;

struct Product {
  Rows left, right;
  int group;
  Widen widen;
};

// Of a thread. Its sums while products are under way, and where they belong.
struct Products {
  std::vector<Product> under_way;
  int ended = 0;
  bool begun = false;
  float* first = nullptr;
  float* second = nullptr;
  float sums[sums_held];
};

Products& of_thread() {
  static emulation::Belongings<std::map<unsigned, Products>> threads;
  return threads.of(*running->block)[running->number];
}

[[noreturn]] void complain(const std::string& what) { emulation::fail(emulation::describe(*running) + " " + what); }

void together(const char* instruction, Place place) { emulation::meet({instruction, emulation::all_lanes}, place); }

// The 16 channels of a row, found as "Matrix Descriptor Format" and "Shared Memory Matrix Layout" say: 8 rows are 1024
// bytes, the stride is the distance between those, and bits 4 to 6 of an address are exclusive-ored with bits 7 to 9.
void read_row(Rows rows, unsigned row, Widen widen, float (&values)[channels_at_once]) {
  const auto start = static_cast<uint32_t>((rows & 0x3fff) << 4);
  const auto stride = static_cast<uint32_t>((rows >> 32 & 0x3fff) << 4);
  const uint32_t at = start + row / 8 * stride + row % 8 * 128;
  for (uint32_t i = 0; i < channels_at_once; ++i) {
    const uint32_t linear = at + 2 * i, address = linear ^ (linear >> 7 & 7) << 4;
    uint16_t bits = 0;
    std::memcpy(&bits, running->block->memory.dynamic() + address, sizeof bits);
    values[i] = widen(bits);
  }
}

// "Register Fragments and Shared Memory Matrix Layout": D of m64nNk16.
void happen(const Product& product, float (&sums)[sums_held]) {
  const unsigned lane = running->number % 32, warp = running->number / 32 % 4;
  float rows[rows_held][channels_at_once], column[channels_at_once];
  for (unsigned i = 0; i < rows_held; ++i) read_row(product.left, 16 * warp + lane / 4 + 8 * i, product.widen, rows[i]);
  for (unsigned i = 0; i < sums_held; i += i % 2 == 0 ? 1 : 3) {  // 0, 1, 4, 5: the other two are 8 rows further down
    read_row(product.right, lane % 4 * 2 + i % 2 + i / 4 * 8, product.widen, column);
    for (unsigned row = 0; row < rows_held; ++row) {
      double sum = sums[i + 2 * row];
      for (int channel = 0; channel < channels_at_once; ++channel) sum += double{rows[row][channel]} * column[channel];
      sums[i + 2 * row] = emulation::toward_zero(sum);
    }
  }
}

void check(Rows rows) {
  constexpr Rows known = Rows{0x3fff} | Rows{0x3fff} << 16 | Rows{0x3fff} << 32 | Rows{3} << 62;
  if ((rows & ~known) != 0 || rows >> 62 != 1) complain("multiplies rows whose chunks are in another order");
  if ((rows >> 32 & 0x3fff) << 4 != 8 * row_bytes) complain("multiplies rows that are not next to each other");
  const Rows start = (rows & 0x3fff) << 4;
  if (start % alignment >= row_bytes) complain("multiplies rows off the 1024 bytes");
}

void multiply(const char* instruction, Sums& first, Sums& second, Product product, Place place) {
  together(instruction, place);
  check(product.left);
  check(product.right);
  Products& own = of_thread();
  if (!own.begun) complain(std::string("is in ") + instruction + " without begin_products");
  if (own.under_way.empty()) {
    own.first = first;
    own.second = second;
    std::copy(std::begin(first), std::end(first), own.sums);
    std::copy(std::begin(second), std::end(second), own.sums + std::size(first));
    std::fill(std::begin(first), std::end(first), std::numeric_limits<float>::quiet_NaN());
    std::fill(std::begin(second), std::end(second), std::numeric_limits<float>::quiet_NaN());
  } else if (own.first != first || own.second != second) {
    complain("multiplies into other sums while products are under way");
  }
  product.group = own.ended;
  own.under_way.push_back(product);
}

}  // namespace

void begin_products(Place place) {
  together("begin_products", place);
  of_thread().begun = true;
}

void end_products(Place place) {
  together("end_products", place);
  ++of_thread().ended;
  of_thread().begun = false;
}

void products_end(int last, Place place) {
  // Who was told too early that the rows are free may find that out and overwrite them meanwhile.
  for (int step = 0; step < 2; ++step) together("wait_products", place);
  Products& own = of_thread();
  const auto remain = std::find_if(own.under_way.begin(), own.under_way.end(),
                                   [&](const Product& product) { return product.group >= own.ended - last; });
  const bool any = remain != own.under_way.begin();
  for (auto product = own.under_way.begin(); product != remain; ++product) happen(*product, own.sums);
  own.under_way.erase(own.under_way.begin(), remain);
  if (any && own.under_way.empty()) {
    std::copy(own.sums, own.sums + sums_held / 2, own.first);
    std::copy(own.sums + sums_held / 2, own.sums + sums_held, own.second);
  }
  together("wait_products", place);  // no lane goes on before those of all lanes have happened
}

void multiply_bfloat16(Sums& first, Sums& second, Rows left, Rows right, Place place) {
  const auto widen = [](uint16_t bits) { return __bfloat162float({bits}); };
  multiply("multiply_bfloat16", first, second, {left, right, 0, widen}, place);
}

void multiply_float16(Sums& first, Sums& second, Rows left, Rows right, Place place) {
  const auto widen = [](uint16_t bits) { return __half2float({bits}); };
  multiply("multiply_float16", first, second, {left, right, 0, widen}, place);
}

}  // namespace musc2::cuda::hopper
