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
    const int64_t target = std::min(start_, size_ - static_cast<int64_t>(members_.size()));
    if (target == 0 || candidates_.empty()) return members_;
    const float limit = choose_points(static_cast<size_t>(target));
    if (!unique_) choose_pairs(static_cast<size_t>(target), limit);
    take_chosen();
  }
}

// Chooses the `target` candidates nearest to the group. Returns the distance of the last one;
// infinity if there are fewer candidates.
float Growth::choose_points(size_t target) {
  member_points_.clear();
  for (const int32_t member : members_) member_points_.push_back(point(member));
  pack_points(candidates_);
  distances_.resize(packed_.size());
  nearest_members()(packed_.data(), static_cast<int64_t>(packed_.size()), member_points_.data(),
                    static_cast<int64_t>(member_points_.size()), distances_.data());
  const size_t count = candidates_.size();
  keys_.resize(count), sorted_.resize(count);
  float farthest = 0;
  for (size_t i = 0; i < count; ++i) {
    const float distance = distances_[i / lanes].value[i % lanes];
    farthest = std::max(farthest, distance);
    keys_[i] = make_key(distance, candidates_[i]);
  }
  chosen_.resize(std::min(target, count));
  const int64_t chosen = static_cast<int64_t>(chosen_.size());
  sort_smallest(keys_.data(), static_cast<int64_t>(count), chosen, farthest, sorted_.data());
  std::transform(keys_.begin(), keys_.begin() + chosen, chosen_.begin(), index_of);
  return count < target ? infinity : distance_of(keys_[target - 1]);
}

// Chooses candidates by the nearest pairs (member, candidate). If each of `target` candidates is
// within the limit of a member, so are as many pairs, and no candidate that is farther away than
// that can be in one of the nearest.
void Growth::choose_pairs(size_t target, float limit) {
  close_.clear();
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (distances_[i / lanes].value[i % lanes] <= limit) close_.push_back(candidates_[i]);
  }
  std::sort(close_.begin(), close_.end());  // ties go by the candidate's index
  pack_points(close_);
  const int64_t packs = static_cast<int64_t>(packed_.size());
  const size_t row_room = packed_.size() * lanes;
  keys_.resize(8 * target + row_room), sorted_.resize(keys_.size());
  const auto pairs_within = near_points();
  size_t count = 0;
  for (size_t row = 0; row < member_points_.size(); ++row) {
    if (count + row_room > keys_.size()) {
      std::nth_element(keys_.begin(), keys_.begin() + static_cast<int64_t>(target - 1),
                       keys_.begin() + static_cast<int64_t>(count));
      count = target;
      limit = distance_of(keys_[target - 1]);
    }
    uint64_t* fresh = keys_.data() + count;
    const int64_t added = pairs_within(packed_.data(), packs, member_points_[row], limit, fresh);
    for (int64_t i = 0; i < added; ++i) fresh[i] += row * close_.size();
    count += static_cast<size_t>(added);
  }
  chosen_.resize(std::min(target, count));
  sort_smallest(keys_.data(), static_cast<int64_t>(count), static_cast<int64_t>(chosen_.size()),
                limit, sorted_.data());
  for (size_t i = 0; i < chosen_.size(); ++i) {
    chosen_[i] = close_[static_cast<size_t>(index_of(keys_[i])) % close_.size()];
  }
}

void Growth::pack_points(const std::vector<int32_t>& indices) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  packed_.resize((indices.size() + lanes - 1) / lanes);
  for (size_t i = 0; i < packed_.size() * lanes; ++i) {
    const bool real = i < indices.size();
    const Point position = real ? point(indices[i]) : Point{nan, nan, nan};
    PackedPoints& packed = packed_[i / lanes];
    const size_t lane = i % lanes;
    packed.x[lane] = position.x, packed.y[lane] = position.y, packed.z[lane] = position.z;
    packed.index[lane] = real ? static_cast<int32_t>(i) : no_point;
  }
}

// Moves the chosen candidates to the front of the group.
void Growth::take_chosen() {
  members_.insert(members_.begin(), chosen_.begin(), chosen_.end());
  if (static_cast<int64_t>(members_.size()) == size_) return;
  std::sort(chosen_.begin(), chosen_.end());
  const auto taken = [&](int32_t index) {
    return std::binary_search(chosen_.begin(), chosen_.end(), index);
  };
  candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), taken),
                    candidates_.end());
}

}  // namespace musc2::cpu
