/** The memory of this process as the operating system counts it; a parameter, so that tests can set it. */

export interface MemoryProbe {
  /** Bytes of physical memory that the process holds now. */
  residentBytes(): number;
  /** The most that it ever held. */
  peakResidentBytes(): number;
  /** Bytes that it may still take before the cgroup or the machine has none left. */
  availableBytes(): number;
}

export const processMemory: MemoryProbe = {
  residentBytes: () => process.memoryUsage.rss(),
  peakResidentBytes: () => process.resourceUsage().maxRSS * 1024,
  availableBytes: () => process.availableMemory(),
};
