function counterspinTimeline() {}
