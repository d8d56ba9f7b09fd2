#include "cpu/growth.h"

#include <algorithm>
#include <limits>

#include "cpu/isa/nearest.h"
#include "cpu/keys.h"

namespace musc2::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

const std::vector<int32_t>& Growth::grow(const uint64_t* search_set, int64_t count) {
  const int64_t first = std::min({start_, size_, count});
  members_.resize(static_cast<size_t>(first));
  candidates_.resize(static_cast<size_t>(count - first));
  std::transform(search_set, search_set + first, members_.begin(), index_of);
  std::transform(search_set + first, search_set + count, candidates_.begin(), index_of);
  for (;;) {
    const int64_t wanted = std::min(start_, size_ - static_cast<int64_t>(members_.size()));
    if (wanted == 0 || candidates_.empty()) return members_;
    const float limit = choose_points(static_cast<size_t>(wanted));
    if (!unique_) choose_pairs(static_cast<size_t>(wanted), limit);
    take_chosen();
  }
}

// Chooses the candidates nearest to the group, and returns the distance of the last of `wanted`; infinity when there
// are fewer candidates.
float Growth::choose_points(size_t wanted) {
  places_.clear();
  for (const int32_t member : members_) places_.push_back(place(member));
  fill_blocks(candidates_);
  distances_.resize(blocks_.size());
  nearest_members()(blocks_.data(), static_cast<int64_t>(blocks_.size()), places_.data(),
                    static_cast<int64_t>(places_.size()), distances_.data());
  const size_t count = candidates_.size();
  keys_.resize(count), aside_.resize(count);
  float farthest = 0;
  for (size_t i = 0; i < count; ++i) {
    const float distance = distances_[i / lanes].value[i % lanes];
    farthest = std::max(farthest, distance);
    keys_[i] = make_key(distance, candidates_[i]);
  }
  chosen_.resize(std::min(wanted, count));
  const int64_t chosen = static_cast<int64_t>(chosen_.size());
  sort_smallest(keys_.data(), static_cast<int64_t>(count), chosen, farthest, aside_.data());
  std::transform(keys_.begin(), keys_.begin() + chosen, chosen_.begin(), index_of);
  return count < wanted ? infinity : distance_of(keys_[wanted - 1]);
}

// Chooses candidates by the nearest pairs (member, candidate). If each of `wanted` candidates is within the limit of a
// member, so are as many pairs, and no candidate that is farther away than that can be in one of the nearest.
void Growth::choose_pairs(size_t wanted, float limit) {
  close_.clear();
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (distances_[i / lanes].value[i % lanes] <= limit) close_.push_back(candidates_[i]);
  }
  std::sort(close_.begin(), close_.end());  // ties go by the candidate's index
  fill_blocks(close_);
  const int64_t blocks = static_cast<int64_t>(blocks_.size());
  const size_t row_room = blocks_.size() * lanes;
  keys_.resize(8 * wanted + row_room), aside_.resize(keys_.size());
  const auto pairs_within = near_points();
  size_t count = 0;
  for (size_t row = 0; row < places_.size(); ++row) {
    if (count + row_room > keys_.size()) {
      std::nth_element(keys_.begin(), keys_.begin() + static_cast<int64_t>(wanted - 1),
                       keys_.begin() + static_cast<int64_t>(count));
      count = wanted;
      limit = distance_of(keys_[wanted - 1]);
    }
    uint64_t* fresh = keys_.data() + count;
    const int64_t found = pairs_within(blocks_.data(), blocks, places_[row], limit, fresh);
    for (int64_t i = 0; i < found; ++i) fresh[i] += row * close_.size();
    count += static_cast<size_t>(found);
  }
  chosen_.resize(std::min(wanted, count));
  sort_smallest(keys_.data(), static_cast<int64_t>(count), static_cast<int64_t>(chosen_.size()), limit, aside_.data());
  for (size_t i = 0; i < chosen_.size(); ++i) {
    chosen_[i] = close_[static_cast<size_t>(index_of(keys_[i])) % close_.size()];
  }
}

void Growth::fill_blocks(const std::vector<int32_t>& indices) {
  constexpr float nothing = std::numeric_limits<float>::quiet_NaN();
  blocks_.resize((indices.size() + lanes - 1) / lanes);
  for (size_t i = 0; i < blocks_.size() * lanes; ++i) {
    const bool real = i < indices.size();
    const Place at = real ? place(indices[i]) : Place{nothing, nothing, nothing};
    Block& block = blocks_[i / lanes];
    const size_t lane = i % lanes;
    block.x[lane] = at.x, block.y[lane] = at.y, block.z[lane] = at.z;
    block.index[lane] = real ? static_cast<int32_t>(i) : no_point;
  }
}

// The chosen candidates go to the front of the group.
void Growth::take_chosen() {
  members_.insert(members_.begin(), chosen_.begin(), chosen_.end());
  if (static_cast<int64_t>(members_.size()) == size_) return;
  std::sort(chosen_.begin(), chosen_.end());
  const auto taken = [&](int32_t index) { return std::binary_search(chosen_.begin(), chosen_.end(), index); };
  candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), taken), candidates_.end());
}

}  // namespace musc2::cpu
