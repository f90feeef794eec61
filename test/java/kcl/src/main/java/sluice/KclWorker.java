// A worker of the Kinesis Client Library that says what it is given: {"record": data, "shard": …, "sequence": …, "sub": …} for each user record, {"started": shard},
// {"ended": shard} and {"lost": shard}, a line each. It checkpoints each page. Ends in good order when its input ends.
// Usage: KclWorker KINESIS DYNAMODB STREAM APPLICATION (polling|fanout); credentials come from the environment, what to trust from -Djavax.net.ssl.trustStore.
package sluice;

import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

public final class KclWorker {
  private static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] args) throws Exception {
    URI endpoint = URI.create(args[0]);
    Region region = Region.US_EAST_1;
    KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder().endpointOverride(endpoint).region(region));
    DynamoDbAsyncClient dynamoDb = DynamoDbAsyncClient.builder().endpointOverride(URI.create(args[1])).region(region).build();
    CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.builder().endpointOverride(endpoint).region(region).build();
    String stream = args[2];
    String application = args[3];
    InitialPositionInStreamExtended start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    ConfigsBuilder configs = new ConfigsBuilder(new SingleStreamTracker(stream, start), application, kinesis, dynamoDb, cloudWatch, UUID.randomUUID().toString(), Printer::new);
    RetrievalSpecificConfig retrieval = args[4].equals("fanout")
        ? new FanOutConfig(kinesis).streamName(stream).applicationName(application)
        : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200);
    // Impatient where the library waits by default for a large fleet; otherwise as it comes.
    Scheduler scheduler = new Scheduler(
        configs.checkpointConfig(),
        configs.coordinatorConfig().parentShardPollIntervalMillis(200).shardConsumerDispatchPollIntervalMillis(100),
        configs.leaseManagementConfig().failoverTimeMillis(2_000).leaseAssignmentIntervalMillis(500L).shardSyncIntervalMillis(1_000).cleanupLeasesUponShardCompletion(false),
        configs.lifecycleConfig().taskBackoffTimeMillis(100),
        configs.metricsConfig().metricsBufferTimeMillis(1_000),
        configs.processorConfig(),
        configs.retrievalConfig().retrievalSpecificConfig(retrieval));
    Thread worker = new Thread(scheduler);
    worker.start();
    while (System.in.read() != -1) continue;
    // The library's threads outlive a shutdown that fails, as it does when the server is gone before.
    int status = 1;
    try {
      scheduler.startGracefulShutdown().get(30, TimeUnit.SECONDS);
      status = 0;
    } finally {
      System.out.flush();
      Runtime.getRuntime().halt(status);
    }
  }

  private static final class Printer implements ShardRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      say("{\"started\":\"%s\",\"at\":\"%s\"}", shard, input.extendedSequenceNumber().sequenceNumber());
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (KinesisClientRecord record : input.records()) {
        String data = StandardCharsets.UTF_8.decode(record.data()).toString();
        say("{\"record\":\"%s\",\"shard\":\"%s\",\"sequence\":\"%s\",\"sub\":%d}", data, shard, record.sequenceNumber(), record.subSequenceNumber());
      }
      if (!input.records().isEmpty()) checkpoint(input.checkpointer());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
      say("{\"lost\":\"%s\"}", shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      say("{\"ended\":\"%s\"}", shard);
      checkpoint(input.checkpointer());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(input.checkpointer());
    }

    private void checkpoint(RecordProcessorCheckpointer checkpointer) {
      try {
        checkpointer.checkpoint();
      } catch (Exception thrown) {
        say("{\"failed\":\"%s\",\"shard\":\"%s\"}", thrown.getClass().getSimpleName(), shard);
      }
    }

    /** Shards speak at once: a line is written whole. */
    private static void say(String format, Object... values) {
      synchronized (out) {
        out.println(String.format(format, values));
      }
    }
  }
}
