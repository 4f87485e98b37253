"""What a user writes today: VideoCapture, MOG2, contours, boxes, mp4v. No identities.

python benchmarks/others/opencv_script.py clip.mp4 out.mp4 [FRAMES]
"""

import sys

import cv2

LEAST_AREA_PX = 200


def main(clip: str, output: str, most: int) -> None:
    capture = cv2.VideoCapture(clip)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(output, cv2.VideoWriter_fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS) or 25.0, size)
    mixture = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=True)
    done = 0
    while done != most:
        there, frame = capture.read()
        if not there:
            break
        _, mask = cv2.threshold(mixture.apply(frame), 200, 255, cv2.THRESH_BINARY)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            if cv2.contourArea(contour) >= LEAST_AREA_PX:
                x, y, width, height = cv2.boundingRect(contour)
                cv2.rectangle(frame, (x, y), (x + width, y + height), (0, 255, 0), 2)
        writer.write(frame)
        done += 1
    writer.release()
    if not done:
        sys.exit(f"{clip}: not one frame could be read")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else -1)
