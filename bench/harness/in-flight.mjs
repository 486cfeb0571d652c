/** Awaits one operation after the other. */
export async function oneAtATime(count, operation) {
  for (let index = 0; index < count; index++) await operation(index);
}

/** Keeps `width` operations in flight: whenever one ends, its place begins the next. */
export async function inFlight(count, width, operation) {
  let next = 0;
  const place = async () => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, place));
}
