#include "common/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
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

  // Returns false if another caller is using the pool.
  bool try_run(int64_t count, int threads, const Body& body) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    start(count, threads, body);
    inside_pool = true;
    work(0);
    inside_pool = false;
    std::unique_lock<std::mutex> lock(mutex_);
    finished_.wait(lock, [this] { return running_ == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return true;
  }

 private:
  void start(int64_t count, int threads, const Body& body) {
    std::lock_guard<std::mutex> lock(mutex_);
    int helpers = static_cast<int>(count < threads ? count : threads) - 1;
    while (static_cast<int>(workers_.size()) < helpers) {
      try {
        workers_.emplace_back(
            [this, worker = static_cast<int>(workers_.size()) + 1] { serve(worker); });
      } catch (const std::system_error&) {  // the system starts no more threads
        helpers = static_cast<int>(workers_.size());
      }
    }
    body_ = &body;
    count_ = count;
    next_ = 0;
    helpers_ = running_ = helpers;
    ++round_;
    wake_.notify_all();
  }

  void work(int worker) {
    try {
      for (int64_t item; (item = next_.fetch_add(1)) < count_;) {
        (*body_)(item, worker);
        if (worker == 0) check_in();
      }
    } catch (...) {
      next_ = count_;
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void serve(int worker) {
    inside_pool = true;
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (worker > helpers_) continue;
      lock.unlock();
      work(worker);
      lock.lock();
      if (--running_ == 0) finished_.notify_one();
    }
  }

  std::mutex owner_, mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> workers_;
  const Body* body_ = nullptr;
  std::atomic<int64_t> next_{0};
  int64_t count_ = 0;
  int helpers_ = 0, running_ = 0;
  uint64_t round_ = 0;
  std::exception_ptr error_;
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
  const bool alone = threads <= 1 || count <= 1 || inside_pool;
  if (!alone && Pool::instance().try_run(count, threads, body)) return;
  for (int64_t item = 0; item < count; ++item) {
    body(item, 0);
    check_in();
  }
}

}  // namespace musc2
