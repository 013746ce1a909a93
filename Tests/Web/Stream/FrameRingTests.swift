// The ring's answer to who is attached when records pass that nobody rendered.

import Testing

@testable import Web

@Suite struct FrameRingTests {
  /// A client that attaches to an empty ring just before the publisher passes over records without rendering them has
  /// missed these: its place must be gone, or it would go on after them.
  @Test func aPlaceInAnEmptyRingIsGoneOnceRecordsPassUnrendered() {
    let ring = FrameRing(byteCountMax: 1 << 20)
    ring.restart(at: 0, epoch: 1)
    var view = RingView()
    ring.update(&view)
    let place = view.place(of: 0)
    #expect(place.sequence >= view.firstSequence)
    ring.publish(RingUpdate(end: 10, isRendered: false))
    ring.update(&view)
    #expect(place.sequence < view.firstSequence)
    #expect(view.start == 10 && view.end == 10)
  }
}
