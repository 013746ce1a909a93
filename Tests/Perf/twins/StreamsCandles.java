// The twin of `millrace run --log kafka --roles processors`: one-minute candles of each instrument with Kafka Streams,
// exactly once, from the same topic. It decodes of a tick what a candle needs, prices as doubles.
//
//   StreamsCandles BOOTSTRAP OUTPUT_TOPIC STATE_DIR memory|rocksdb COMMIT_MILLIS WARM_UP RECORDS
//
// Prints one JSON object about the records after the first WARM_UP once RECORDS are through, and ends; with RECORDS 0
// it prints "ready" when it runs, and goes on until it is told to stop.

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

public final class StreamsCandles {
  static final String INPUT = "prices.ticks.v1";

  record Tick(double price, double volume) {}

  static final class Candle {
    double open, high, low, close, volume;
    long ticks;

    Candle add(Tick tick) {
      if (ticks == 0) {
        open = high = low = tick.price;
      } else {
        high = Math.max(high, tick.price);
        low = Math.min(low, tick.price);
      }
      close = tick.price;
      volume += tick.volume;
      ticks += 1;
      return this;
    }
  }

  /** Avro in Confluent's framing, written by hand: what a generated class does, without its objects. */
  static final class TickReader {
    private final byte[] bytes;
    private int place = 5;

    TickReader(byte[] bytes) { this.bytes = bytes; }

    /** Null for what is not a price. */
    Tick read() {
      long kind = number();
      if (kind > 1) return null;
      number();  // Side, event time and append time.
      number();
      number();
      int sourceCount = (int) number();
      place += sourceCount;
      double price = decimal();
      return new Tick(price, decimal());
    }

    private long number() {
      long raw = 0;
      for (int shift = 0;; shift += 7) {
        byte next = bytes[place++];
        raw |= (long) (next & 0x7f) << shift;
        if (next >= 0) return raw >>> 1 ^ -(raw & 1);
      }
    }

    private double decimal() {
      int count = (int) number();
      double value = bytes[place];
      for (int index = 1; index < count; index++) value = value * 256 + (bytes[place + index] & 0xff);
      place += count;
      return value / 1e18;
    }
  }

  static final class Progress {
    final long warmUp, records;
    final CountDownLatch done = new CountDownLatch(1);
    final OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long count, startNanos, startCPU, endNanos, endCPU;

    Progress(long warmUp, long records) {
      this.warmUp = warmUp;
      this.records = records;
    }

    void count() {
      count += 1;
      if (count == warmUp) {
        startNanos = System.nanoTime();
        startCPU = system.getProcessCpuTime();
      } else if (count == records) {
        endNanos = System.nanoTime();
        endCPU = system.getProcessCpuTime();
        done.countDown();
      }
    }
  }

  static Serde<Candle> candles() {
    Serializer<Candle> serializer = (topic, candle) -> candle == null ? null : ByteBuffer.allocate(48)
        .putDouble(candle.open).putDouble(candle.high).putDouble(candle.low).putDouble(candle.close)
        .putDouble(candle.volume).putLong(candle.ticks).array();
    Deserializer<Candle> deserializer = (topic, bytes) -> {
      if (bytes == null) return null;
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      Candle candle = new Candle();
      candle.open = buffer.getDouble();
      candle.high = buffer.getDouble();
      candle.low = buffer.getDouble();
      candle.close = buffer.getDouble();
      candle.volume = buffer.getDouble();
      candle.ticks = buffer.getLong();
      return candle;
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }

  static StreamsBuilder topology(String output, Progress progress) {
    Serde<Tick> ticks = Serdes.serdeFrom((topic, tick) -> null, (topic, bytes) -> {
      progress.count();
      return new TickReader(bytes).read();
    });
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(INPUT, Consumed.with(Serdes.String(), ticks))
        .filter((instrument, tick) -> tick != null)
        .groupByKey(Grouped.with(Serdes.String(), ticks))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(30)))
        .aggregate(Candle::new, (instrument, tick, candle) -> candle.add(tick), Materialized.with(Serdes.String(), candles()))
        .toStream((window, candle) -> window.key())
        .to(output, Produced.with(Serdes.String(), candles()));
    return builder;
  }

  public static void main(String[] words) throws Exception {
    Progress progress = new Progress(Long.parseLong(words[5]), Long.parseLong(words[6]));
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "twin-" + System.nanoTime());
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, words[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, words[2]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, words[4]);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, -1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
    if (words[3].equals("memory")) {
      settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    }
    StreamsBuilder builder = topology(words[1], progress);
    KafkaStreams streams = new KafkaStreams(builder.build(settings), settings);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    if (progress.records == 0) {
      streams.setStateListener((now, before) -> {
        if (now == KafkaStreams.State.RUNNING) System.out.println("ready");
      });
    }
    streams.start();
    progress.done.await();
    long count = progress.records - progress.warmUp;
    System.out.printf("{\"recordsPerSecond\":%.0f,\"recordsPerCPUSecond\":%.0f}%n",
        count * 1e9 / (progress.endNanos - progress.startNanos), count * 1e9 / (progress.endCPU - progress.startCPU));
    System.out.flush();
    streams.close(Duration.ofSeconds(20));
    Runtime.getRuntime().halt(0);
  }
}
