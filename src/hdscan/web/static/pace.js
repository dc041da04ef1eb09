// Limits how often the page asks.

/** A function that calls `work` at once, then at most every `ms`; never concurrently, nor while the page is hidden. */
export function paced(work, ms) {
  let wanted = false;
  let busy = false;
  let freeAt = 0;
  const run = async () => {
    if (busy || !wanted || document.hidden) return;
    busy = true;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, freeAt - performance.now())));
    wanted = false;
    freeAt = performance.now() + ms;
    try {
      await work();
    } finally {
      busy = false;
      run();
    }
  };
  document.addEventListener("visibilitychange", run);
  return () => {
    wanted = true;
    run();
  };
}

/** A function that calls `work` after `ms` without another call. */
export function debounced(work, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
}
