#include "common/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace musc2 {
namespace {

thread_local bool inside_pool = false;

int default_threads() {
  if (const char* text = std::getenv("MUSC2_NUM_THREADS")) {
    char* end = nullptr;
    const long threads = std::strtol(text, &end, 10);
    const bool is_number = *text >= '0' && *text <= '9' && *end == '\0';
    if (is_number && threads > 0 && threads <= max_threads) return static_cast<int>(threads);
  }
#ifdef __linux__
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
#endif
  const unsigned cores = std::thread::hardware_concurrency();
  return cores > 0 ? static_cast<int>(cores) : 1;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{default_threads()};
  return count;
}

std::atomic<void (*)()> checkpoint{nullptr};

void check_in() {
  if (void (*check)() = checkpoint.load(std::memory_order_relaxed)) check();
}

class Pool {
 public:
  using Body = std::function<void(int64_t, int)>;

  static Pool& instance();

  void run(int64_t count, int threads, const Body& body) {
    Job job{body, count};
    for (int slot = static_cast<int>(count < threads ? count : threads) - 1; slot > 0; --slot)
      job.free_slots.push_back(slot);
    std::unique_lock<std::mutex> lock(mutex_);
    grow(job.free_slots.size());
    jobs_.push_back(&job);
    ++arrivals_;
    wake_.notify_all();
    lock.unlock();
    inside_pool = true;
    work(job, 0, 0);
    inside_pool = false;
    lock.lock();
    jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
    finished_.wait(lock, [&job] { return job.helpers == 0; });
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  // One call of parallel_for. All but `next` is guarded by mutex_.
  struct Job {
    const Body& body;
    const int64_t count;
    std::atomic<int64_t> next{0};
    std::vector<int> free_slots{};  // of the scratch memory; 0 is the caller's
    int helpers = 0;
    std::exception_ptr error{};
  };

  void grow(size_t helpers) {
    while (workers_.size() < helpers) {
      try {
        workers_.emplace_back([this] { serve(); });
      } catch (const std::system_error&) {  // the system starts no more threads
        return;
      }
    }
  }

  // A helper leaves a job when another one has arrived since it joined, to share itself out anew.
  void work(Job& job, int slot, uint64_t joined) {
    try {
      while (slot == 0 || arrivals_ == joined) {
        const int64_t item = job.next.fetch_add(1);
        if (item >= job.count) return;
        job.body(item, slot);
        if (slot == 0) check_in();
      }
    } catch (...) {
      job.next = job.count;
      std::lock_guard<std::mutex> lock(mutex_);
      if (!job.error) job.error = std::current_exception();
    }
  }

  void serve() {
    inside_pool = true;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      Job* job = nullptr;
      wake_.wait(lock, [&] { return (job = most_in_need()) != nullptr; });
      const int slot = job->free_slots.back();
      job->free_slots.pop_back();
      ++job->helpers;
      const uint64_t joined = arrivals_;
      lock.unlock();
      work(*job, slot, joined);
      lock.lock();
      job->free_slots.push_back(slot);
      if (--job->helpers == 0) finished_.notify_all();
    }
  }

  // The job with the fewest helpers of those that have items and slots left, or null.
  Job* most_in_need() const {
    Job* chosen = nullptr;
    for (Job* job : jobs_) {
      if (job->free_slots.empty() || job->next >= job->count) continue;
      if (chosen == nullptr || job->helpers < chosen->helpers) chosen = job;
    }
    return chosen;
  }

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> workers_;
  std::vector<Job*> jobs_;
  std::atomic<uint64_t> arrivals_{0};
};

// The pool is never destroyed: its threads may outlive static destructors, and a forked child,
// which does not have these threads, must drop the pool without joining them.
std::atomic<Pool*> current_pool{nullptr};

Pool& Pool::instance() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    current_pool = nullptr;
    inside_pool = false;
  });
  static_cast<void>(registered);
  Pool* pool = current_pool.load();
  if (pool == nullptr) {
    auto* fresh = new Pool;
    if (current_pool.compare_exchange_strong(pool, fresh)) return *fresh;
    delete fresh;
  }
  return *pool;
}

}  // namespace

int num_threads() { return thread_count(); }

void set_checkpoint(void (*check)()) { checkpoint = check; }

void set_num_threads(int count) { thread_count() = count > 0 ? count : default_threads(); }

void parallel_for(int64_t count, const std::function<void(int64_t)>& body) {
  parallel_for(count, num_threads(), [&body](int64_t item, int) { body(item); });
}

void parallel_for(int64_t count, int threads, const std::function<void(int64_t, int)>& body) {
  if (threads > 1 && count > 1 && !inside_pool) return Pool::instance().run(count, threads, body);
  for (int64_t item = 0; item < count; ++item) {
    body(item, 0);
    check_in();
  }
}

}  // namespace musc2
