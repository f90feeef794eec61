// The Kinesis Producer Library, native process and all: puts the user records of its input, a line KEY:REST each under the partition key KEY, and says for each what came of it, once it is known:
// {"put": line, "shard": …, "sequence": …} or {"failed": line, "error": …}. Ends when its input has ended and everything is put.
// Usage: KplPut HOST PORT STREAM CA.pem; credentials come from the environment.
package sluice;

import com.google.common.util.concurrent.ListenableFuture;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordFailedException;
import software.amazon.kinesis.producer.UserRecordResult;

public final class KplPut {
  public static void main(String[] args) throws Exception {
    long port = Long.parseLong(args[1]);
    KinesisProducerConfiguration configuration = new KinesisProducerConfiguration()
        .setKinesisEndpoint(args[0]).setKinesisPort(port)
        .setCloudwatchEndpoint(args[0]).setCloudwatchPort(port)
        .setRegion("us-east-1").setCaCertFile(args[3])
        .setRecordMaxBufferedTime(200).setMetricsUploadDelay(1_000);
    KinesisProducer producer = new KinesisProducer(configuration);
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String said = line;
      ListenableFuture<UserRecordResult> put = producer.addUserRecord(args[2], line.substring(0, line.indexOf(':')), ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
      put.addListener(() -> out.println(outcome(said, put)), Runnable::run);
    }
    producer.flushSync();
    producer.destroy();
    System.exit(0);
  }

  private static String outcome(String line, ListenableFuture<UserRecordResult> put) {
    try {
      UserRecordResult result = put.get();
      return String.format("{\"put\":\"%s\",\"shard\":\"%s\",\"sequence\":\"%s\"}", line, result.getShardId(), result.getSequenceNumber());
    } catch (Exception thrown) {
      String error = thrown.getCause() instanceof UserRecordFailedException failed
          ? failed.getResult().getAttempts().stream().map(attempt -> attempt.getErrorCode() + " " + attempt.getErrorMessage()).toList().toString()
          : String.valueOf(thrown);
      return String.format("{\"failed\":\"%s\",\"error\":\"%s\"}", line, error.replace('"', '\''));
    }
  }
}
