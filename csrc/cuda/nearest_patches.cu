// One product on the matrix cores serves both directions of every unordered pair of samples;
// nothing of size patches x patches leaves the registers. docs/dev/gpu.md models the performance,
// and patch_search.h has a map of the files.
//
// The samples are cut into panels, as large as the scratch memory allows; mostly there is one. The
// features of a panel are rounded and padded once. A persistent grid goes through the tiles of a
// pair of panels: it multiplies, reduces the sums to one key per line and sample, and measures in
// float32 what a tile completes while the first stages of the next tile are loading.
#include <algorithm>
#include <utility>

#include "cuda/device.h"
#include "cuda/patch_packing.h"
#include "cuda/patch_plan.h"
#include "cuda/patch_search.h"
#include "cuda/patch_windows.h"
#include "cuda/tile_mainloop.h"
#include "cuda/warpgroup_search.h"
#include "musc2/nearest_patches.h"

namespace musc2::cuda {
namespace {

template <class Format, class Feature, class Arrangement>
class PatchSearch {
 public:
  PatchSearch(const Problem& problem, const Plan& plan, const void* z, const void* references,
              float* distance, int32_t* index, void* scratch, void* stream)
      : problem_(problem),
        plan_(plan),
        z_(z),
        references_(references),
        distance_(distance),
        index_(index),
        scratch_(static_cast<unsigned char*>(scratch)),
        stream_(stream) {}

  void run() {
    clear();
    if constexpr (is_centered) center();
    Packed left{plan_.packed_left, plan_.norms_left, plan_.scales_left},
        right{plan_.packed_right, plan_.norms_right, plan_.scales_right};
    // Every second time the panels on the left come in reverse, so that each time begins with one
    // that is packed: with the one that was last or, among the samples, with the one that was on
    // the right.
    bool reverse = false;
    for (int64_t r = 0; r < problem_.others; r += plan_.right, reverse = !reverse) {
      if (problem_.mutual && reverse) std::swap(left, right);
      const Panel other = panel(right, references_, problem_.other_patches, r,
                                std::min(plan_.right, problem_.others - r));
      const int64_t end = problem_.mutual ? r + 1 : problem_.samples,
                    panels = (end + plan_.left - 1) / plan_.left;
      for (int64_t step = 0; step < panels; ++step) {
        const int64_t l = (reverse ? panels - 1 - step : step) * plan_.left;
        const bool same = problem_.mutual && l == r;
        search(
            same ? other
                 : panel(left, z_, problem_.patches, l, std::min(plan_.left, problem_.samples - l)),
            other, same);
      }
    }
  }

 private:
  using Stored = typename Feature::Stored;
  static constexpr bool is_centered = std::is_same_v<Feature, Float32> || is_scaled<Format>;

  // Room for a packed panel in scratch memory, and which panel is in it.
  struct Packed {
    int64_t features, norms, scales, first = -1;
  };

  template <class T>
  T* at(int64_t offset) const {
    return reinterpret_cast<T*>(scratch_ + offset);
  }

  template <class... Parameters, class... Arguments>
  void launch(void (*kernel)(Parameters...), unsigned grid, int block, int shared_bytes,
              const Arguments&... arguments) const {
    cuda::launch({"nearest_patches", grid, static_cast<unsigned>(block), shared_bytes, stream_},
                 kernel, arguments...);
  }

  void clear() const {
    const int64_t keys = (plan_.counts_left - plan_.keys_left) / 8,
                  counts = (plan_.bytes - plan_.counts_left) / 4;
    launch(clear_scratch, blocks_for(keys, 1024), 256, 0, at<Key>(plan_.keys_left), keys,
           at<unsigned>(plan_.counts_left), counts);
    if (!problem_.mutual || distance_ == nullptr) return;
    launch(blank_diagonal, blocks_for(problem_.samples * problem_.patches, 256), 256, 0,
           problem_.samples, problem_.patches, distance_, index_);
  }

  void center() const {
    const int64_t rows = problem_.samples * problem_.patches,
                  stride = std::max<int64_t>(1, rows / 1024);
    launch(average_rows<Feature>, blocks_for(problem_.channels, 32), 1024, 0,
           static_cast<const Stored*>(z_), rows, stride, static_cast<int>(problem_.channels),
           at<float>(plan_.center));
  }

  void pack(const Packed& packed, const Stored* features, int64_t rows,
            typename Format::Stored* target, int64_t values) const {
    const float* mean = is_centered ? at<float>(plan_.center) : nullptr;
    auto* const norms = at<float>(packed.norms);
    const auto channels = static_cast<int>(problem_.channels);
    const int64_t packed_rows = problem_.packed_rows(rows);
    const unsigned blocks = blocks_for(packed_rows, 8);
    if constexpr (is_scaled<Format>) {
      launch(pack_integers<Feature, Arrangement>, blocks, 256, 0, features, rows, packed_rows,
             channels, mean, target, values, norms, at<float>(packed.scales));
    } else {
      launch(pack_rows<Format, Feature, Arrangement>, blocks, 256, 0, features, rows, packed_rows,
             channels, mean, target, values, norms);
    }
  }

  // The panel in `packed`, where it is packed unless it is there already.
  Panel panel(Packed& packed, const void* all, int64_t length, int64_t first,
              int64_t samples) const {
    const auto* features = static_cast<const Stored*>(all) + first * length * problem_.channels;
    const int64_t rows = length * samples,
                  values = problem_.row_values > 0 ? problem_.row_values : problem_.channels;
    auto* target = problem_.row_values > 0 ? at<typename Format::Stored>(packed.features) : nullptr;
    if (packed.first != first) pack(packed, features, rows, target, values);
    packed.first = first;
    const void* searched = target != nullptr ? static_cast<const void*>(target) : features;
    const Matrix matrix{static_cast<const unsigned char*>(searched),
                        static_cast<int>(values * problem_.value_bytes), static_cast<int>(rows)};
    return {matrix,
            at<float>(packed.norms),
            is_scaled<Format> ? at<float>(packed.scales) : nullptr,
            features,
            static_cast<int>(length),
            static_cast<int>(samples),
            first,
            nullptr,
            nullptr};
  }

  void search(Panel left, Panel right, bool same) const {
    left.nearest = at<Key>(plan_.keys_left);
    left.searched_tiles = at<unsigned>(plan_.counts_left);
    if (problem_.mutual) {
      right.nearest = at<Key>(same ? plan_.keys_left : plan_.keys_right);
      right.searched_tiles = at<unsigned>(plan_.counts_right);
    }
    constexpr bool wide = std::is_same_v<Feature, Float32>;
    const auto addresses =
        reinterpret_cast<uintptr_t>(z_) | reinterpret_cast<uintptr_t>(references_);
    const bool whole = (addresses | problem_.channels * sizeof(Stored)) % 16 == 0;
    const auto channels = static_cast<int>(problem_.channels);
    const SearchParams params{left,   right,           same, wide, whole, channels, distance_,
                              index_, problem_.others, 0};
    if constexpr (std::is_same_v<Arrangement, PackedTiles>) {
      search_by_warpgroups<Format>(params, warpgroup_blocks(), stream_);
    } else {
      launch_search<TileSearch<Format>>(params, stream_);
    }
  }

  Problem problem_;
  Plan plan_;
  const void *z_, *references_;
  float* distance_;
  int32_t* index_;
  unsigned char* scratch_;
  void* stream_;
};

template <class Format, class Feature, class Arrangement>
struct Formats {
  using Search = Format;
  using Features = Feature;
  using Packed = Arrangement;
};

template <class Format, class Feature, class Use>
auto with_packing(Use use) {
  return warpgroup_blocks() > 0 ? use(Formats<Format, Feature, PackedTiles>())
                                : use(Formats<Format, Feature, PackedRows>());
}

// Calls `use` with the formats of the search and of the features, and their packing. Features of 16
// bits are searched in their own format, but float16 also in int8, in which only Hopper's
// instructions search.
template <class Use>
auto with_formats(int64_t precision, int64_t type, int64_t channels, Use use) {
  if (type == 1) return with_packing<Bfloat16, Bfloat16>(use);
  if (precision == 2 && warpgroup_blocks() > 0 && channels <= Int8::most_channels) {
    return type == 3 ? use(Formats<Int8, Float16, PackedTiles>())
                     : use(Formats<Int8, Float32, PackedTiles>());
  }
  if (type == 3) return with_packing<Float16, Float16>(use);
  if (precision == 0) return use(Formats<Float32, Float32, PackedRows>());
  if (precision == 3) return with_packing<Float16, Float32>(use);
  return with_packing<Bfloat16, Float32>(use);
}

}  // namespace

int64_t nearest_patches_scratch(int64_t samples, int64_t patches, int64_t channels, bool mutual,
                                int64_t others, int64_t other_patches, int64_t precision,
                                int64_t memory, int64_t type) {
  if (samples == 0 || others == 0) return 0;
  return with_formats(precision, type, channels, [&](auto formats) {
    using Of = decltype(formats);
    const Problem problem =
        make_problem<typename Of::Search, typename Of::Features, typename Of::Packed>(
            samples, patches, channels, mutual, others, other_patches);
    return make_plan(problem, memory).bytes;
  });
}

void nearest_patches(const void* z, int64_t samples, int64_t patches, int64_t channels,
                     const void* references, int64_t others, int64_t other_patches, int64_t memory,
                     float* distance, int32_t* index, int64_t precision, int64_t type,
                     void* scratch, void* stream) {
  if (samples == 0 || others == 0) return;
  with_formats(precision, type, channels, [&](auto formats) {
    using Of = decltype(formats);
    using Search = PatchSearch<typename Of::Search, typename Of::Features, typename Of::Packed>;
    const bool mutual = references == nullptr;
    const Problem problem =
        make_problem<typename Of::Search, typename Of::Features, typename Of::Packed>(
            samples, patches, channels, mutual, others, other_patches);
    Search(problem, make_plan(problem, memory), z, mutual ? z : references, distance, index,
           scratch, stream)
        .run();
  });
}

void nearest_patches_in_window(const void* z, int64_t samples, int64_t height, int64_t width,
                               int64_t channels, const void* references, int64_t others,
                               int64_t window, float* distance, int32_t* index, int64_t type,
                               void* stream) {
  if (samples == 0 || others == 0) return;
  const auto run = type == 1   ? launch_windows<Bfloat16>
                   : type == 3 ? launch_windows<Float16>
                               : launch_windows<Float32>;
  run(z, samples, {height, width, window}, channels, references, others, distance, index, stream);
}

}  // namespace musc2::cuda
