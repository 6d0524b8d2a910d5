import Modules

/// A page of devices.
struct Devices: Payload {
    var data: [Device]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

/// How many sessions were ended.
struct Ended: Payload {
    var ended: Int
}
